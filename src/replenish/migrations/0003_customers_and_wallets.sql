-- The vault. Wallets and everything in them are sharded by customer: PK (customer_id, id), each unique constraint
-- contains customer_id, plus a plain index on id. Nothing that a debit changes is indexed or stands in a predicate,
-- so that hot rows stay HOT.

create table customers (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    -- The merchant's own id for this customer; never changes.
    external_id text not null check (length(external_id) between 1 and 255),
    email text,
    name text not null default '',
    metadata jsonb not null default '{}',
    frozen_at timestamptz,
    created_at timestamptz not null default now(),
    unique (workspace_id, external_id)
);
create index on customers (workspace_id, lower(email));
create index on customers (workspace_id, id);

create table wallets (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    currency_id uuid not null,
    -- Law 4: the wallet's own now never goes back; recorded_at is the same in real time.
    now_at timestamptz not null,
    recorded_at timestamptz not null,
    -- The number of the last statement line.
    line bigint not null default 0,
    -- Law 1: the wallet's seven accounts. The check below is its trial balance.
    issued numeric not null default 0 check (issued >= 0),
    available numeric not null default 0 check (available >= 0),
    held numeric not null default 0 check (held >= 0),
    owed numeric not null default 0 check (owed >= 0),
    spent numeric not null default 0 check (spent >= 0),
    expired numeric not null default 0 check (expired >= 0),
    revoked numeric not null default 0 check (revoked >= 0),
    -- Law 5: what rounding down has left over, less than one smallest unit.
    carry numeric not null default 0,
    -- The next expiry, start or hold end; null = nothing will fall due. Changed by bookings, not by debits.
    good_until timestamptz,
    frozen_at timestamptz,
    customer_frozen_at timestamptz,
    -- Usage marks the wallet due for a look when its balance is below act_below and look_again_at has passed.
    act_below numeric,
    look_again_at timestamptz,
    created_at timestamptz not null default now(),
    primary key (customer_id, id),
    unique (customer_id, currency_id),
    check (issued + owed = available + held + spent + expired + revoked)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
create index on wallets (id);
create index on wallets (workspace_id, good_until) where good_until is not null;
create index on wallets (workspace_id, look_again_at) where look_again_at is not null;

-- Credit grants are lots: what burn-down spends.
create table lots (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    category text not null check (category in ('paid', 'promotional')),
    priority int not null check (priority between 0 and 100),
    name text not null default '',
    amount numeric not null check (amount > 0),
    -- What is left, held credits included. 0 while pending: a lot is booked when it starts.
    remaining numeric not null check (remaining >= 0),
    held numeric not null default 0 check (held >= 0),
    effective_at timestamptz not null,
    expires_at timestamptz,
    -- Meter ids this lot may pay for; empty = all.
    scope uuid[] not null default '{}',
    -- What was paid for the whole lot, for revenue recognition.
    cost_amount numeric check (cost_amount >= 0),
    cost_currency_id uuid,
    source text not null check (source in ('top_up', 'api', 'adjustment', 'schedule', 'reinstatement')),
    source_id uuid,
    metadata jsonb not null default '{}',
    opened_at timestamptz,
    expired_at timestamptz,
    voided_at timestamptz,
    -- Set when nothing is left to spend or to release; open lots are found by `closed_at is null`.
    closed_at timestamptz,
    created_at timestamptz not null,
    primary key (customer_id, id),
    check (held <= remaining and remaining <= amount),
    check (expires_at is null or expires_at > effective_at)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
create index on lots (id);
create index on lots (customer_id, wallet_id) where closed_at is null;
create index on lots (workspace_id, id);
-- Law 8: a settled payment has one grant.
create unique index on lots (customer_id, source_id) where source = 'top_up';

create table owed_items (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    -- The usage event, adjustment or refund that nothing could pay.
    cause text not null check (cause in ('usage', 'refund', 'dispute')),
    cause_id uuid not null,
    meter_id uuid,
    amount numeric not null check (amount > 0),
    remaining numeric not null check (remaining >= 0),
    created_at timestamptz not null,
    closed_at timestamptz,
    primary key (customer_id, id),
    check (remaining <= amount)
);
create index on owed_items (id);
create index on owed_items (customer_id, wallet_id) where closed_at is null;

-- Law 1: every movement. Never changed, never deleted (a trigger says so).
create table transfers (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    lot_id uuid,
    kind text not null,
    from_account text not null
        check (from_account in ('issued', 'available', 'held', 'owed', 'spent', 'expired', 'revoked')),
    to_account text not null
        check (to_account in ('issued', 'available', 'held', 'owed', 'spent', 'expired', 'revoked')),
    amount numeric not null check (amount > 0),
    -- What it belongs to: a batch of usage events, a top-up, an adjustment, a hold, a reversal…
    cause text not null,
    cause_id uuid not null,
    -- The transfer that this one corrects.
    reverses_id uuid,
    note text not null default '',
    -- Statement line and the wallet's balance after it; null for usage, whose lines are the events.
    line bigint,
    balance_after numeric,
    booked_at timestamptz not null,
    recorded_at timestamptz not null,
    primary key (customer_id, id),
    check (from_account <> to_account),
    check ((line is null) = (balance_after is null))
);
create index on transfers (id);
create index on transfers (customer_id, wallet_id, line) where line is not null;
create index on transfers (customer_id, cause_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are never changed or deleted; correct by adding', tg_table_name
        using errcode = 'integrity_constraint_violation';
end $$;
create trigger transfers_immutable before update or delete on transfers
    for each row execute function refuse_change();

-- Wallets that usage found below their line. The row is the job; the worker deletes it in its first transaction.
create table wallets_due (
    customer_id uuid not null,
    wallet_id uuid not null,
    workspace_id uuid not null,
    marked_at timestamptz not null default now(),
    primary key (customer_id, wallet_id)
);
create index on wallets_due (marked_at);

-- Adjustments by an operator or the API, kept with who and why.
create table adjustments (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    -- Signed: positive adds credits, negative takes them.
    amount numeric not null check (amount <> 0),
    reason text not null,
    actor text not null,
    lot_id uuid,
    created_at timestamptz not null,
    primary key (customer_id, id)
);
create index on adjustments (id);
create index on adjustments (workspace_id, id);
create trigger adjustments_immutable before update or delete on adjustments
    for each row execute function refuse_change();
