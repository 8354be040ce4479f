-- Clients that sign their requests, and what such a client keeps with us. Directory tables: small, unsharded.

create table client_keys (
    id uuid primary key,
    -- The live workspace; its twin is reached by the request's `livemode` (keys of clients are shared by both).
    workspace_id uuid not null references workspaces,
    name text not null,
    -- An ed25519 public key: 32 bytes. One key is one client of one merchant.
    public_key bytea not null unique check (length(public_key) = 32),
    -- What the client calls itself (its component DID); null = whatever it says.
    component text,
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
create index on client_keys (workspace_id, id);

-- Law 7 for clients that send a request again without a key of their own: the same client, path and body soon after gets the
-- token of the first one, which then is the write's Idempotency-Key.
create table resent_requests (
    workspace_id uuid not null references workspaces,
    -- SHA-256 over client, method, path, query and body.
    digest bytea not null,
    token uuid not null,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (workspace_id, digest)
);
create index on resent_requests (started_at);

-- Where a merchant wants to be told of events.
create table webhook_endpoints (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    url text not null,
    description text not null default '',
    -- Event types, or '*' for all.
    enabled_events text[] not null,
    status text not null default 'enabled' check (status in ('enabled', 'disabled')),
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now()
);
create index on webhook_endpoints (workspace_id, id);

-- What an application keeps under a name of its own: how it wants to be notified, and the like.
create table client_settings (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    type text not null,
    -- Where it is mounted: the natural key.
    location text not null,
    component text,
    description text not null default '',
    active boolean not null default true,
    settings jsonb not null default '{}',
    created_at timestamptz not null default now(),
    unique (workspace_id, location)
);
