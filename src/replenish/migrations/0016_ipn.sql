-- PayKickstart's IPN: a form that is posted to a merchant when a product of theirs is sold.

-- Where to, per product.
create table ipn_targets (
    product_id uuid primary key references products,
    workspace_id uuid not null references workspaces,
    url text not null,
    -- What is signed: the values as UTF-8, or as ISO 8859-1 without what that cannot hold (consumers differ).
    charset text not null default 'utf-8' check (charset in ('utf-8', 'iso-8859-1')),
    created_at timestamptz not null default now()
);

-- The campaign's secret, encrypted under the master key (law 17).
create table ipn_secrets (
    campaign_id uuid primary key references campaigns,
    workspace_id uuid not null references workspaces,
    sealed bytea not null,
    changed_at timestamptz not null default now()
);

-- What is owed to a target: written in the transaction that settles the purchase, delivered by the worker.
create table ipn_deliveries (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    top_up_id uuid not null,
    product_id uuid not null,
    campaign_id uuid not null,
    event text not null,
    -- [name, value] in the order they are sent; signed when they are.
    fields jsonb not null,
    created_at timestamptz not null default now(),
    -- The lease and the next try; null = delivered or given up.
    due_at timestamptz default now(),
    tries int not null default 0,
    delivered_at timestamptz,
    given_up_at timestamptz,
    primary key (customer_id, id),
    unique (customer_id, top_up_id, event)
);
create index on ipn_deliveries (id);
create index on ipn_deliveries (workspace_id, id);
create index on ipn_deliveries (due_at) where due_at is not null;

-- The log: one row a try.
create table ipn_tries (
    customer_id uuid not null,
    id uuid not null,
    delivery_id uuid not null,
    url text not null,
    -- Null when there was no answer; `detail` says why.
    status int,
    detail text not null,
    created_at timestamptz not null default now(),
    primary key (customer_id, id)
);
create index on ipn_tries (id);
create index on ipn_tries (customer_id, delivery_id);
create trigger ipn_tries_immutable before update or delete on ipn_tries
    for each row execute function refuse_change();
