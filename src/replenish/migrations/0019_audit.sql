-- Who changed what in the admin. Rows are never changed or deleted.

create table audit_entries (
    id uuid primary key,
    workspace_id uuid not null references workspaces,
    operator_id uuid not null references operators,
    -- As it was then.
    operator_email text not null,
    action text not null,
    object_type text not null,
    object_id uuid not null,
    object_name text not null,
    before jsonb not null,
    after jsonb not null,
    created_at timestamptz not null default now()
);
create index on audit_entries (workspace_id, id);
create trigger audit_entries_immutable before update or delete on audit_entries
    for each row execute function refuse_change();
