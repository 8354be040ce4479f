-- Recurring grants: a schedule grants credits by itself, one period at a time.

create table grant_schedules (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    name text not null default '',
    state text not null check (state in ('active', 'paused', 'cancelled', 'ended')),
    cadence text not null check (cadence in ('weekly', 'monthly', 'quarterly', 'yearly')),
    every int not null check (every between 1 and 100),
    -- Copied from the workspace, so that the calendar of a running schedule never moves.
    time_zone text not null,
    -- The anchor: each period's start is computed from it.
    starts_at timestamptz not null,
    -- No period starts at or after it.
    ends_at timestamptz,
    periods_max int check (periods_max >= 1),
    -- Either so much a period, or what lifts the schedule's own lots to the target.
    amount numeric check (amount > 0),
    target numeric check (target > 0),
    -- Null: a period's credits end when the next period starts. 0: never.
    valid_duration_value int check (valid_duration_value >= 0),
    valid_duration_unit text not null check (valid_duration_unit in ('hours', 'days', 'weeks', 'months', 'years')),
    rollover_amount_max numeric check (rollover_amount_max > 0),
    category text not null check (category in ('paid', 'promotional')),
    priority int not null check (priority between 0 and 100),
    scope uuid[] not null default '{}',
    metadata jsonb not null default '{}',
    -- The first period that is not decided yet.
    next_number int not null default 1 check (next_number >= 1),
    -- The last period that what was left of the one before has been carried into, or that nothing is carried into.
    carried_number int not null default 0 check (carried_number between 0 and next_number - 1),
    -- When to look at it next, by the workspace's clock; null = never again. And the lease of the worker that looks, in real
    -- time, whatever the clock.
    due_at timestamptz,
    leased_until timestamptz,
    paused_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (customer_id, id),
    check ((amount is null) <> (target is null)),
    -- Only what ends with its period can leave a rest to the next one; a target takes the rest into account by itself.
    check (rollover_amount_max is null or (amount is not null and valid_duration_value is null)),
    check ((state = 'paused') = (paused_at is not null)),
    check ((state in ('cancelled', 'ended')) = (ended_at is not null)),
    check ((state in ('cancelled', 'ended')) = (due_at is null))
);
create index on grant_schedules (id);
create index on grant_schedules (workspace_id, id);
create index on grant_schedules (workspace_id, due_at) where due_at is not null;

-- What became of each period. A period that was granted ahead of its start and called off before it has no row.
create table grant_periods (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    schedule_id uuid not null,
    number int not null check (number >= 1),
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    state text not null check (state in ('granted', 'skipped')),
    -- Why it was skipped: 'missed' (its credits would have ended already), 'paused', 'full' (nothing was below the target).
    reason text check (reason in ('missed', 'paused', 'full')),
    amount numeric not null check (amount >= 0),
    lot_id uuid,
    -- What was left of the period before and carried over, as a lot of its own.
    carried_amount numeric not null default 0 check (carried_amount >= 0),
    carried_lot_id uuid,
    created_at timestamptz not null,
    primary key (customer_id, id),
    -- A period is granted once, whoever comes first.
    unique (customer_id, schedule_id, starts_at),
    unique (customer_id, schedule_id, number),
    check (ends_at > starts_at),
    check ((state = 'granted') = (lot_id is not null)),
    check ((state = 'skipped') = (reason is not null)),
    check ((state = 'granted') = (amount > 0)),
    check ((carried_lot_id is not null) = (carried_amount > 0)),
    check (state = 'granted' or carried_amount = 0)
);
create index on grant_periods (id);
create index on grant_periods (customer_id, schedule_id, id);
