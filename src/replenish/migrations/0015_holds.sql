-- Holds: credits reserved now, captured or released later. Sharded with their wallet.

create table holds (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    -- Null for a hold of credits without a meter, which unscoped lots keep.
    meter_id uuid,
    state text not null check (state in ('open', 'captured', 'released', 'expired')),
    -- What is reserved, and by which lots, in burn order; a capture takes from the front.
    amount numeric not null check (amount > 0),
    lot_ids uuid[] not null,
    lot_amounts numeric[] not null,
    -- What the capture took in all, also above the hold.
    captured numeric check (captured >= 0),
    usage_event_id uuid,
    metadata jsonb not null default '{}',
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    primary key (customer_id, id),
    check ((state = 'open') = (ended_at is null)),
    check (cardinality(lot_ids) = cardinality(lot_amounts))
);
create index on holds (id);
create index on holds (workspace_id, id);
create index on holds (customer_id, wallet_id) where ended_at is null;
