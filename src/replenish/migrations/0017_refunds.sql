-- Refunds: money of a settled top-up that a merchant gives back, and what became of the credits it bought (law 14).

create table refunds (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    top_up_id uuid not null,
    payment_id uuid not null,
    currency_id uuid not null,
    amount numeric not null check (amount > 0),
    reason text not null default '',
    actor text not null default '',
    metadata jsonb not null default '{}',
    -- pending: decided, or nobody knows yet whether the money went; repeated under the same key until certain.
    state text not null check (state in ('pending', 'succeeded', 'failed')),
    -- The provider's id of it, or why it will never make it.
    outside_id text,
    failure_code text,
    failure_message text,
    -- The share of the bought credits, floor(granted x refunded / paid) less what earlier refunds took, and its five parts:
    -- taken at once, lapsed before, kept by holds at that moment, spent and therefore owed, spent and written off.
    credits numeric not null default 0,
    credits_taken numeric not null default 0 check (credits_taken >= 0),
    credits_lapsed numeric not null default 0 check (credits_lapsed >= 0),
    credits_held numeric not null default 0 check (credits_held >= 0),
    credits_owed numeric not null default 0 check (credits_owed >= 0),
    credits_written_off numeric not null default 0 check (credits_written_off >= 0),
    -- The Idempotency-Key of the request that asked for it.
    request_key text,
    created_at timestamptz not null,
    ended_at timestamptz,
    -- The worker's lease and next try, by the real clock.
    due_at timestamptz,
    looks int not null default 0,
    unknown_since timestamptz,
    escalated_at timestamptz,
    primary key (customer_id, id),
    check (credits = credits_taken + credits_lapsed + credits_held + credits_owed + credits_written_off),
    check ((state = 'pending') = (ended_at is null)),
    check (state = 'succeeded' or credits = 0)
);
create index on refunds (id);
create index on refunds (workspace_id, id);
create index on refunds (customer_id, top_up_id);
create index on refunds (due_at) where due_at is not null;

-- Law 4: credits of a refunded lot that a hold keeps are taken when it ends, for this refund.
alter table lots
    add column refund_due numeric not null default 0,
    add column refund_id uuid,
    add constraint lots_refund_due_is_held check (refund_due >= 0 and refund_due <= held),
    add constraint lots_refund_due_has_its_refund check (refund_due = 0 or refund_id is not null);

-- What becomes of refunded credits that are spent: owed by the customer, or written off by the merchant.
alter table workspaces
    add column refund_policy text not null default 'owe' check (refund_policy in ('owe', 'write_off'));
