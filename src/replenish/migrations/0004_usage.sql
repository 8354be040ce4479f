-- Usage, exactly once. The key is kept for good and never partitioned; the event is partitioned by month of real time.

create table usage_keys (
    customer_id uuid not null,
    key text not null check (length(key) between 1 and 255),
    -- SHA-256 over the event's parsed fields, 16 bytes of it.
    hash bytea not null,
    event_id uuid not null,
    -- Where the event is: its partition and primary key.
    recorded_at timestamptz not null,
    primary key (customer_id, key)
);

create table usage_events (
    customer_id uuid not null,
    recorded_at timestamptz not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    -- Null for a debit without a meter, which unscoped lots pay.
    meter_id uuid,
    key text not null,
    value numeric not null,
    -- The rate it was charged at, the exact price, and the debit after the carry (law 5).
    credits_per_unit numeric not null,
    price numeric not null,
    debit numeric not null check (debit >= 0),
    owed numeric not null default 0 check (owed >= 0),
    -- Its allocation: which lots paid, how much each, in burn order.
    lot_ids uuid[] not null,
    lot_amounts numeric[] not null,
    batch_id uuid not null,
    line bigint not null,
    balance_after numeric not null,
    occurred_at timestamptz not null,
    booked_at timestamptz not null,
    properties jsonb,
    primary key (customer_id, recorded_at, id)
) partition by range (recorded_at);
create index on usage_events (id);

-- Months are made ahead by the worker; the first ones here, so that a new database can serve at once.
create function make_usage_partition(month date) returns text language plpgsql as $$
declare
    first date := date_trunc('month', month)::date;
    after date := (first + interval '1 month')::date;
    name text := 'usage_events_' || to_char(first, 'YYYY_MM');
begin
    execute format(
        'create table if not exists %I partition of usage_events for values from (%L) to (%L)',
        name, first::timestamp at time zone 'UTC', after::timestamp at time zone 'UTC');
    return name;
end $$;
select make_usage_partition((date_trunc('month', now() at time zone 'UTC') + make_interval(months => n))::date)
from generate_series(-1, 3) as n;
-- Nothing may fail because a job did not run: what has no month of its own lands here.
create table usage_events_default partition of usage_events default;

-- Reversals: at most one an event.
create table usage_reversals (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    event_id uuid not null,
    -- What came back to lots, what was forgiven of the owed part.
    returned numeric not null check (returned >= 0),
    forgiven numeric not null check (forgiven >= 0),
    reason text not null default '',
    created_at timestamptz not null,
    primary key (customer_id, id),
    unique (customer_id, event_id)
);
create index on usage_reversals (id);
create trigger usage_reversals_immutable before update or delete on usage_reversals
    for each row execute function refuse_change();
create trigger usage_events_immutable before update or delete on usage_events
    for each row execute function refuse_change();
