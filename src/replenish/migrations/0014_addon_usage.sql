-- What PayKickstart's two endpoints need.

-- For clients that read only the body: refusals come with status 200, and say their real code inside.
alter table workspaces add column paykickstart_always_200 boolean not null default false;

-- Their `invoice_id` is a top-up's number, without its customer.
create index on top_ups (workspace_id, number);

-- One namespace of keys for both signs: added credits take theirs here, too.
comment on column usage_keys.event_id is 'The usage event, or the credit grant, that the key stands for.';
