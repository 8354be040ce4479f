-- Buying credits: the top-up is the purchase, the payment is one try at paying for it.

create table payment_methods (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    provider text not null,
    provider_account text not null,
    -- The provider's id of the saved method, and of the customer it is saved for.
    outside_id text not null,
    outside_customer_id text not null default '',
    kind text not null default 'card',
    brand text not null,
    last4 text not null,
    expires_month int,
    expires_year int,
    -- The same card saved twice has one fingerprint: a suspension ends with a new one, not with a new id (law 13).
    fingerprint text not null,
    is_default boolean not null default false,
    created_at timestamptz not null default now(),
    detached_at timestamptz,
    primary key (customer_id, id),
    unique (customer_id, provider, outside_id)
);
create index on payment_methods (id);
create index on payment_methods (workspace_id, id);
create unique index on payment_methods (customer_id) where is_default and detached_at is null;

create table top_ups (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    -- PayKickstart's wire and receipts need a short one: 'PK-' and ten characters.
    number text not null,
    origin text not null check (origin in ('manual', 'automatic')),
    -- open: nothing asked of a provider yet, or an unpaid page. submitted: money may be moving (pending, law 10).
    -- settled: paid and granted. Others: ended without money.
    state text not null check (state in ('open', 'submitted', 'settled', 'failed', 'cancelled', 'expired')),
    price_id uuid not null,
    product_id uuid not null,
    product_name text not null,
    quantity int not null check (quantity between 1 and 9999),
    currency_id uuid not null,
    -- Fixed when it is decided, tax included, in whole units.
    amount numeric not null check (amount >= 0),
    refunded_amount numeric not null default 0 check (refunded_amount >= 0),
    -- The credit config as it was when it was sold.
    credit_currency_id uuid not null,
    credit_amount numeric not null check (credit_amount > 0),
    credit_priority int not null,
    valid_duration_value int not null,
    valid_duration_unit text not null,
    credit_scope uuid[] not null default '{}',
    payment_method_id uuid,
    checkout_session_id uuid,
    recharge_attempt_id uuid,
    save_method boolean not null default false,
    lot_id uuid,
    metadata jsonb not null default '{}',
    created_at timestamptz not null,
    settled_at timestamptz,
    ended_at timestamptz,
    primary key (customer_id, id),
    unique (customer_id, number),
    check (refunded_amount <= amount)
);
create index on top_ups (id);
create index on top_ups (workspace_id, id);
create index on top_ups (customer_id, wallet_id) where state in ('open', 'submitted');

create table payments (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    top_up_id uuid not null,
    provider text not null,
    provider_account text not null,
    payment_method_id uuid,
    currency_id uuid not null,
    amount numeric not null check (amount >= 0),
    -- decided: our intent only. prepared: the provider knows an intent, no money can have moved. submitted: it may have;
    -- look up, never repeat (law 9). confirming: the provider has it and will tell. needs_customer: waits for a person.
    state text not null check (state in ('decided', 'prepared', 'submitted', 'confirming', 'needs_customer', 'settled',
                                         'declined', 'cancelled', 'unapplied', 'refunded')),
    -- The provider's id of the charge or of the hosted page, and the page's address.
    outside_id text,
    page_url text,
    decline_code text,
    decline_permanent boolean,
    refunded_amount numeric not null default 0 check (refunded_amount >= 0),
    created_at timestamptz not null,
    submitted_at timestamptz,
    settled_at timestamptz,
    ended_at timestamptz,
    -- The reconciler's lease and next look.
    due_at timestamptz,
    looks int not null default 0,
    primary key (customer_id, id)
);
create index on payments (id);
create index on payments (workspace_id, id);
create index on payments (customer_id, top_up_id);
create index on payments (due_at) where due_at is not null;
-- Law 11: one top-up keeps at most one payment.
create unique index on payments (customer_id, top_up_id) where state = 'settled';

-- Directory: from the provider's object to our row, without a customer. A payment's customer comes from here, never from
-- the message.
create table outside_objects (
    provider_account text not null,
    outside_id text not null,
    customer_id uuid not null,
    payment_id uuid,
    checkout_session_id uuid,
    created_at timestamptz not null default now(),
    primary key (provider_account, outside_id)
);

-- Law 8: the inbox of outside events.
create table inbox (
    id uuid primary key,
    provider text not null,
    provider_account text not null,
    outside_id text not null,
    kind text not null,
    body jsonb not null,
    received_at timestamptz not null default now(),
    due_at timestamptz default now(),
    tries int not null default 0,
    done_at timestamptz,
    failure text,
    unique (provider_account, outside_id, kind)
);
create index on inbox (due_at) where done_at is null;

create table checkout_sessions (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    -- In the public URL.
    slug text not null unique,
    mode text not null check (mode in ('payment', 'setup')),
    state text not null check (state in ('open', 'complete', 'expired')),
    -- Null until known: a payment link asks for an e-mail address first.
    customer_id uuid,
    price_id uuid references prices,
    quantity int check (quantity between 1 and 9999),
    quantity_adjustable boolean not null default true,
    currency_id uuid,
    payment_link_id uuid references payment_links,
    top_up_id uuid,
    -- Setup mode: the provider's page where a method is saved, and what was saved.
    provider text,
    provider_account text,
    outside_id text,
    page_url text,
    payment_method_id uuid,
    success_url text,
    cancel_url text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    completed_at timestamptz
);
create index on checkout_sessions (workspace_id, id);
create index on checkout_sessions (expires_at) where state = 'open';
create index on checkout_sessions (outside_id) where outside_id is not null;
