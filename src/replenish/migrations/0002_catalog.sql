-- What is sold and how usage is rated. Small and replicated; prices are versioned by making new ones.

create table payment_currencies (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    -- `standard` is money (USD, USDC); `credit` is what customers hold.
    type text not null check (type in ('standard', 'credit')),
    -- Standard currencies are known by their code; credit currencies may have a lookup key.
    code text,
    lookup_key text,
    name text not null,
    symbol text not null,
    decimals int not null check (decimals between 0 and 18),
    active boolean not null default true,
    -- Law 6: what happens to usage that no lot can pay.
    overdraft_policy text not null default 'none' check (overdraft_policy in ('none', 'limited', 'unlimited')),
    overdraft_limit numeric check (overdraft_limit >= 0),
    -- Recharge config: what a customer buys to top this currency up.
    base_price_id uuid,
    recharge_payment_link_id uuid,
    recharge_checkout_url text,
    recharge_amount_min numeric,
    recharge_amount_max numeric,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    check ((type = 'standard') = (code is not null)),
    check ((overdraft_policy = 'limited') = (overdraft_limit is not null)),
    unique (workspace_id, code),
    unique (workspace_id, lookup_key)
);

create table meters (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    name text not null,
    event_name text not null,
    lookup_key text,
    aggregation text not null default 'sum' check (aggregation in ('sum', 'count')),
    unit text not null,
    description text not null default '',
    status text not null default 'active' check (status in ('active', 'inactive')),
    currency_id uuid not null references payment_currencies,
    credits_per_unit numeric not null default 1 check (credits_per_unit >= 0),
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    unique (workspace_id, event_name),
    unique (workspace_id, lookup_key)
);
create index on meters (currency_id);

create table campaigns (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    number int not null,
    name text not null,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    archived_at timestamptz,
    unique (workspace_id, number)
);

create table products (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    campaign_id uuid references campaigns,
    number int not null,
    type text not null check (type in ('credit', 'service', 'good')),
    name text not null,
    description text not null default '',
    lookup_key text,
    active boolean not null default true,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    unique (workspace_id, number),
    unique (workspace_id, lookup_key)
);
create index on products (campaign_id);

create table prices (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    product_id uuid not null references products,
    type text not null default 'one_time' check (type = 'one_time'),
    nickname text not null default '',
    lookup_key text,
    active boolean not null default true,
    -- The base currency and amount of one unit, in whole units of that currency; further currencies in price_options.
    currency_id uuid not null references payment_currencies,
    unit_amount numeric not null check (unit_amount >= 0),
    quantity_max int not null default 9999 check (quantity_max between 1 and 9999),
    -- Credit config: what one unit grants. All null for a price that sells no credits.
    credit_currency_id uuid references payment_currencies,
    credit_amount numeric check (credit_amount > 0),
    credit_priority int not null default 50 check (credit_priority between 0 and 100),
    valid_duration_value int not null default 0 check (valid_duration_value >= 0),
    valid_duration_unit text not null default 'days'
        check (valid_duration_unit in ('hours', 'days', 'weeks', 'months', 'years')),
    -- Meters that the granted credits may pay for; empty = all.
    credit_scope uuid[] not null default '{}',
    meter_id uuid references meters,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    check ((credit_currency_id is null) = (credit_amount is null)),
    unique (workspace_id, lookup_key)
);
create index on prices (product_id);

create table price_options (
    price_id uuid not null references prices,
    currency_id uuid not null references payment_currencies,
    unit_amount numeric not null check (unit_amount >= 0),
    primary key (price_id, currency_id)
);

alter table payment_currencies add foreign key (base_price_id) references prices;

create table payment_links (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    -- In the public URL; long and random, so that links cannot be guessed.
    slug text not null unique,
    lookup_key text,
    name text not null default '',
    price_id uuid not null references prices,
    quantity int not null default 1 check (quantity between 1 and 9999),
    quantity_adjustable boolean not null default true,
    after_completion_url text,
    active boolean not null default true,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    unique (workspace_id, lookup_key)
);
create index on payment_links (price_id);

alter table payment_currencies add foreign key (recharge_payment_link_id) references payment_links;
