-- The outbox: what happened, written in the transaction it tells of. Delivery reads it later.

-- Law 15: the number that orders a customer's events is taken under this row's lock, the last lock of a flow.
create table customer_events_last (
    customer_id uuid primary key,
    number bigint not null
);

create table events (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    number bigint not null,
    type text not null,
    object_type text not null,
    object_id uuid not null,
    data jsonb not null,
    created_at timestamptz not null,
    -- The writing transaction: a feed reads only what no running transaction can still precede.
    written_by xid8 not null default pg_current_xact_id(),
    primary key (customer_id, id),
    unique (customer_id, number)
);
create index on events (id);
create index on events (workspace_id, written_by, id);
create trigger events_immutable before update or delete on events
    for each row execute function refuse_change();
