-- What an operator's session looks at and where it came from, for the admin's pages.

alter table operator_sessions
    -- Which of the two workspaces its pages show.
    add column mode text not null default 'live' check (mode in ('live', 'test')),
    -- Since when there is a cookie, and the browser that has it, as it calls itself.
    add column entered_at timestamptz,
    add column user_agent text not null default '';
