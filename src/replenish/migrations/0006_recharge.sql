-- Automatic top-up: the customer's standing order, each try at it, and the consent behind it.

create table recharge_rules (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    enabled boolean not null default false,
    threshold numeric not null check (threshold >= 0),
    mode text not null check (mode in ('packs', 'target')),
    packs int not null default 1 check (packs between 1 and 9999),
    target numeric,
    price_id uuid not null,
    currency_id uuid not null,
    payment_method_id uuid,
    -- Caps, in the rule's payment currency; null = none.
    charge_amount_max numeric check (charge_amount_max > 0),
    day_amount_max numeric check (day_amount_max > 0),
    day_count_max int check (day_count_max > 0),
    month_amount_max numeric check (month_amount_max > 0),
    consent_id uuid,
    -- Law 13: declines in a row, the pause after one, and the suspension.
    declines_in_a_row int not null default 0,
    declined_fingerprint text,
    paused_until timestamptz,
    suspended_at timestamptz,
    suspended_reason text,
    -- Why it last did not charge; a change of it is a row in recharge_attempts.
    reason text,
    reason_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (customer_id, id),
    unique (customer_id, wallet_id),
    check ((mode = 'target') = (target is not null)),
    -- Law 12: off until a consent is recorded.
    check (not enabled or consent_id is not null)
);
create index on recharge_rules (id);
create index on recharge_rules (workspace_id, id);

create table consents (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    rule_id uuid not null,
    -- Who agreed: 'customer' in the portal, or an API key that says so for them.
    actor text not null,
    wording text not null,
    terms jsonb not null,
    ip text,
    user_agent text,
    created_at timestamptz not null,
    primary key (customer_id, id)
);
create index on consents (id);
create trigger consents_immutable before update or delete on consents
    for each row execute function refuse_change();

create table recharge_attempts (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    rule_id uuid not null,
    -- open ones: decided, prepared, submitted, needs_customer. `refused` is a changed reason for not charging.
    state text not null check (state in ('decided', 'prepared', 'submitted', 'needs_customer',
                                         'succeeded', 'declined', 'cancelled', 'expired', 'refused')),
    reason text not null,
    detail text not null default '',
    -- The balance that was judged, the pending top-ups counted, and the line.
    balance numeric not null,
    pending numeric not null,
    threshold numeric not null,
    packs int not null default 0,
    currency_id uuid not null,
    amount numeric not null default 0,
    credits numeric not null default 0,
    top_up_id uuid,
    payment_id uuid,
    payment_method_id uuid,
    created_at timestamptz not null,
    submitted_at timestamptz,
    ended_at timestamptz,
    -- The link that a customer authenticates with ends here.
    expires_at timestamptz,
    -- Lease of the worker that drives it on.
    due_at timestamptz,
    primary key (customer_id, id)
);
create index on recharge_attempts (id);
create index on recharge_attempts (workspace_id, id);
create index on recharge_attempts (customer_id, wallet_id, id);
create index on recharge_attempts (due_at) where due_at is not null;
-- Law 10: at most one open attempt a wallet.
create unique index on recharge_attempts (customer_id, wallet_id)
    where state in ('decided', 'prepared', 'submitted', 'needs_customer');
