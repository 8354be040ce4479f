-- The sandbox provider's own books. Nothing of ours refers to them and they refer to nothing of ours: it is reached only
-- through its client, over its own connections, as a bank on the other side of a network would be.

create schema sandbox;

create table sandbox.methods (
    id text primary key,
    account text not null,
    customer text not null,
    -- How this card behaves; its number is never stored, only what a bank would tell about it.
    weather text not null,
    brand text not null,
    last4 text not null,
    expires_month int not null,
    expires_year int not null,
    fingerprint text not null,
    -- False for a card that was typed in to pay once.
    saved boolean not null,
    charges int not null default 0,
    created_at timestamptz not null default now(),
    detached_at timestamptz
);

create table sandbox.intents (
    id text primary key,
    account text not null,
    key text not null,
    -- SHA-256 over the request: the same key with another request is an error.
    request bytea not null,
    -- Paid on a hosted page, or by a saved method.
    hosted boolean not null,
    customer text not null,
    method_id text references sandbox.methods,
    amount numeric not null check (amount > 0),
    currency text not null,
    merchant text not null,
    description text not null,
    customer_present boolean not null,
    save_method boolean not null,
    return_url text not null,
    cancel_url text not null,
    state text not null
        check (state in ('created', 'authenticating', 'processing', 'succeeded', 'declined', 'cancelled')),
    cancel_reason text check (cancel_reason in ('closed', 'expired')),
    decline_code text,
    -- In the address of its page.
    token text not null unique,
    page_expires_at timestamptz not null,
    submits int not null default 0,
    settles_at timestamptz,
    refunded numeric not null default 0,
    created_at timestamptz not null default now(),
    settled_at timestamptz,
    unique (account, key),
    check (refunded between 0 and amount)
);
create index on sandbox.intents (settles_at) where state = 'processing';

create table sandbox.setups (
    id text primary key,
    account text not null,
    key text not null,
    request bytea not null,
    customer text not null,
    merchant text not null,
    return_url text not null,
    cancel_url text not null,
    state text not null check (state in ('open', 'complete', 'cancelled')),
    method_id text references sandbox.methods,
    token text not null unique,
    page_expires_at timestamptz not null,
    created_at timestamptz not null default now(),
    unique (account, key)
);

create table sandbox.refunds (
    id text primary key,
    account text not null,
    key text not null,
    intent_id text not null references sandbox.intents,
    amount numeric not null check (amount > 0),
    created_at timestamptz not null default now(),
    unique (account, key)
);

create table sandbox.events (
    id text primary key,
    account text not null,
    object_id text not null,
    kind text not null,
    created_at timestamptz not null default now(),
    -- Its delivery: the row is the job.
    due_at timestamptz default now(),
    tries int not null default 0,
    delivered_at timestamptz
);
create index on sandbox.events (due_at) where due_at is not null;
