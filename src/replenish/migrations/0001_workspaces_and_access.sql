-- Who may do what: workspaces, keys, sessions. Directory tables: small, unsharded, never written by the usage commit.

create table workspaces (
    id uuid primary key,
    mode text not null check (mode in ('live', 'test')),
    twin_id uuid references workspaces deferrable initially deferred,
    name text not null,
    time_zone text not null default 'UTC',
    -- Only test workspaces have a movable clock; null = the database's clock.
    test_clock timestamptz,
    -- Short numbers of campaigns and products count up per workspace.
    campaign_number_last int not null default 0,
    product_number_last int not null default 0,
    created_at timestamptz not null default now(),
    check (mode = 'test' or test_clock is null)
);

create table api_keys (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    name text not null,
    -- SHA-256 of the key; the key itself is shown once and never stored (law 17).
    hash bytea not null unique,
    -- The last characters, so that people can tell keys apart.
    hint text not null,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    -- Rotation: the key that replaces this one.
    replaced_by uuid references api_keys
);
create index on api_keys (workspace_id, id);

create table portal_sessions (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    customer_id uuid not null,
    -- SHA-256 of the one-time link's token, and of the cookie that it is exchanged for.
    link_hash bytea not null unique,
    cookie_hash bytea unique,
    return_url text,
    created_at timestamptz not null default now(),
    link_expires_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);
create index on portal_sessions (workspace_id, customer_id);

create table operators (
    id uuid primary key,
    -- The live workspace; its twin is reached from there (the team is shared).
    workspace_id uuid not null references workspaces,
    email text not null,
    name text not null,
    role text not null default 'owner' check (role in ('owner', 'member', 'viewer')),
    password_hash text,
    created_at timestamptz not null default now(),
    disabled_at timestamptz
);
create unique index on operators (lower(email));

create table operator_sessions (
    id uuid primary key,
    operator_id uuid not null references operators,
    link_hash bytea unique,
    cookie_hash bytea unique,
    created_at timestamptz not null default now(),
    link_expires_at timestamptz,
    expires_at timestamptz not null,
    ended_at timestamptz
);
create index on operator_sessions (operator_id);

-- Law 7: the Idempotency-Key of a write, stored in the flow's first transaction with the id of what it made.
create table request_keys (
    workspace_id uuid not null references workspaces,
    key text not null check (length(key) between 1 and 255),
    -- SHA-256 over route and parsed fields.
    fingerprint bytea not null,
    made_id uuid not null,
    state text not null check (state in ('running', 'done')),
    status int not null,
    created_at timestamptz not null default now(),
    primary key (workspace_id, key)
);
create index on request_keys (created_at);
