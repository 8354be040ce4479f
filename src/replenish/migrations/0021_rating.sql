-- Rating in full: packages, graduated tiers, and cards that tell rates apart by an event's properties.

alter table meters
    -- Null: flat, at credits_per_unit.
    add column rate jsonb,
    -- Entries in order of precedence, each with its properties and its rate.
    add column rate_card jsonb not null default '[]',
    add column unmatched text not null default 'default' check (unmatched in ('default', 'reject'));

-- How a price came about that value and credits_per_unit do not tell: packages, tiers, and the month that it counts in.
alter table usage_events add column rating jsonb;

-- What a hold is for: its capture carries these properties, too, so that both find the same entry of the rate card.
alter table holds add column properties jsonb not null default '{}';
-- For how much, in the meter's unit: what is added is rated together with what is held. Null: held before this was known.
alter table holds add column value numeric check (value > 0);

-- Units at graduated rates by wallet and month (the workspace's, by the wallet's now), kept in the commit of the usage. Tiers
-- start from here; a reversal takes its event's units out again.
create table usage_months (
    customer_id uuid not null,
    id uuid not null default gen_random_uuid(),
    workspace_id uuid not null,
    wallet_id uuid not null,
    meter_id uuid not null,
    -- Its first day.
    month date not null,
    -- The properties of the rate card's entry that has the rate; '' = the meter's own.
    entry text not null,
    units numeric not null check (units >= 0),
    primary key (customer_id, id),
    unique (customer_id, wallet_id, meter_id, month, entry)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
create index on usage_months (id);
