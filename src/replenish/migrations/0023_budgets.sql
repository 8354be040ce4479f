-- Budgets: what usage of a wallet may take in a window of time, as a whole or by a label of the event.

create table budgets (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    wallet_id uuid not null,
    name text not null default '',
    -- The property of events that it counts by; null: all events together. Without a value: each value by itself.
    label_property text check (length(label_property) between 1 and 64),
    label text check (length(label) between 1 and 255),
    -- Null: debits of all meters, and those without one.
    meter_id uuid,
    window_kind text not null check (window_kind in ('day', 'week', 'month', 'none')),
    credit_limit numeric not null check (credit_limit >= 0),
    -- A soft one only tells.
    hard boolean not null default true,
    alert_percent int check (alert_percent between 1 and 99),
    active boolean not null default true,
    -- The wallet's statement line since which it counts without a gap.
    counts_from bigint not null,
    metadata jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    archived_at timestamptz,
    primary key (customer_id, id),
    check (label is null or label_property is not null),
    check (archived_at is null or not active)
);
create index on budgets (id);
create index on budgets (workspace_id, id);
create index on budgets (customer_id, wallet_id) where active;

-- What a window of a budget has taken, for one label. Usage events and holds name the counters that they count in.
create table budget_counters (
    customer_id uuid not null,
    id uuid not null,
    workspace_id uuid not null,
    budget_id uuid not null,
    -- The value of the budget's property; '' for all events together.
    label text not null,
    window_start timestamptz not null,
    -- Null: without end.
    window_end timestamptz,
    -- Debits of usage, less reversed ones; what open holds keep.
    spent numeric not null default 0 check (spent >= 0),
    held numeric not null default 0 check (held >= 0),
    -- When it was told that the alert, or the whole limit, was reached: once a window.
    alerted_at timestamptz,
    exceeded_at timestamptz,
    primary key (customer_id, id),
    unique (customer_id, budget_id, label, window_start)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
create index on budget_counters (id);

-- Null: none, as nearly always.
alter table usage_events add column counter_ids uuid[];
alter table holds add column counter_ids uuid[];

-- Whether a budget is active: then the wallet's debits are for the books in memory.
alter table wallets add column budgeted boolean not null default false;
-- Whether an open lot has a scope; without one, the row alone says what any meter may spend. Not known of those that are there:
-- true costs a look, and the next write knows.
alter table wallets add column scoped boolean not null default true;
alter table wallets alter column scoped set default false;

-- As before, but: it keeps the rating of events that were charged by packages, and no budget looks at the wallet.
drop function debit_plain_usage(
    uuid, interval, interval, uuid[], uuid[], uuid[], int[], int[], numeric[], uuid[], boolean[], uuid[], int[], int[], uuid[],
    text[], bytea[], uuid[], numeric[], numeric[], numeric[], numeric[], timestamptz[], text[]);

-- Debit every wallet of a batch whose case is plain: nothing is due, owed or frozen, no budget is active, no key was seen
-- before, and one lot, the first in burn order, pays all of it and is not emptied. Returns what it recorded, an event a row; an
-- event that is not returned was left alone and belongs to the books in memory (wallets.book), whose answers these are, too
-- (law 3, law 5).
--
-- Wallets come sorted by customer and credit currency, as everywhere, and are locked in that order. Events come by wallet, in
-- arrival order: p_at is the wallet's place, p_rank the event's place in it, p_sums the price up to and including it. `place`
-- counts events from 0.
create function debit_plain_usage(
    p_batch uuid, p_past interval, p_future interval,
    p_customers uuid[], p_currencies uuid[], p_workspaces uuid[], p_decimals int[], p_counts int[], p_prices numeric[],
    p_scopes uuid[], p_mixed boolean[], p_transfers uuid[],
    p_at int[], p_rank int[], p_ids uuid[], p_keys text[], p_hashes bytea[], p_meters uuid[], p_values numeric[],
    p_rates numeric[], p_event_prices numeric[], p_sums numeric[], p_occurred timestamptz[], p_properties text[], p_ratings text[]
) returns table (
    place int, wallet_id uuid, lot_id uuid, booked_at timestamptz, recorded_at timestamptz, line bigint, debit numeric,
    balance_after numeric
) language plpgsql
-- One plan for all sizes, by index: a plan made for small tables, or for the hundred rows that an array is taken for, is
-- the wrong one in production.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_locked uuid[];
    v_wallets uuid[];
    v_now timestamptz[];
    v_recorded timestamptz[];
    v_line bigint[];
    v_available numeric[];
    v_carry numeric[];
    v_plain boolean[];
    v_due boolean[];
    v_lots uuid[];
    v_totals numeric[];
    v_told int[];
begin
    -- A reversal can leave less than nothing in the carry, or a whole unit and more, which the next event takes: not plain.
    -- The lock is a statement of its own: what the next one reads is then as the lock's last owner left it.
    select array_agg(i.customer_id), array_agg(w.id), array_agg(w.at), array_agg(w.recorded), array_agg(w.line),
           array_agg(w.available), array_agg(w.carry),
           array_agg(coalesce(w.workspace_id = i.workspace_id and w.owed = 0 and w.carry >= 0
                              and trunc(w.carry, i.decimals) = 0 and not w.budgeted and w.frozen_at is null
                              and w.customer_frozen_at is null and (w.good_until is null or w.good_until > w.at), false)),
           array_agg(coalesce(w.available - trunc(w.carry + i.price, i.decimals) < w.act_below
                              and (w.look_again_at is null or w.look_again_at <= w.at), false)),
           array_agg(trunc(w.carry + i.price, i.decimals))
    into v_locked, v_wallets, v_now, v_recorded, v_line, v_available, v_carry, v_plain, v_due, v_totals
    from unnest(p_customers, p_currencies, p_workspaces, p_decimals, p_prices)
        as i (customer_id, currency_id, workspace_id, decimals, price)
    left join lateral (
        select locked.*, greatest(locked.now_at, coalesce(s.test_clock, clock_timestamp())) as at,
               greatest(locked.recorded_at, clock_timestamp()) as recorded
        from (
            select * from wallets where wallets.customer_id = i.customer_id and wallets.currency_id = i.currency_id
            for no key update
        ) locked join workspaces s on s.id = locked.workspace_id
    ) w on true;
    -- Every place below means the same wallet in each array.
    if v_locked is distinct from p_customers then
        raise exception 'wallets came back in another order';
    end if;

    -- A key that was seen is answered from its event; a time out of bounds is refused with a reason. Neither is plain.
    select array_agg(e.at) into v_told
    from unnest(p_at, p_keys, p_occurred) as e (at, key, occurred_at)
    left join lateral (
        select 1 as seen from usage_keys k where k.customer_id = p_customers[e.at] and k.key = e.key limit 1
    ) k on true
    where k.seen is not null or e.occurred_at > v_now[e.at] + p_future or e.occurred_at < v_now[e.at] - p_past;

    -- Law 3 for the simplest case. Where a wallet's events have several meters, the first lot must pay for any.
    select array_agg(l.id), array_agg(coalesce(l.free > i.total and i.wallet_place <> all (coalesce(v_told, '{}')), false))
    into v_lots, v_plain
    from unnest(p_customers, v_wallets, v_now, v_plain, p_scopes, p_mixed, v_totals) with ordinality
        as i (customer_id, wallet_id, at, plain, scope, mixed, total, wallet_place)
    left join lateral (
        select lots.id, case when i.mixed and lots.scope <> '{}' then null else lots.remaining - lots.held end as free
        from lots
        where i.plain and lots.customer_id = i.customer_id and lots.wallet_id = i.wallet_id and lots.closed_at is null
          and lots.opened_at is not null and lots.voided_at is null and lots.remaining > lots.held
          and lots.effective_at <= i.at and (lots.expires_at is null or lots.expires_at > i.at)
          and (i.mixed or lots.scope = '{}' or i.scope = any (lots.scope))
        order by lots.priority, lots.expires_at nulls last, lots.category = 'paid', lots.created_at, lots.id
        limit 1
    ) l on true;
    if not (true = any (v_plain)) then
        return;
    end if;

    update lots set remaining = lots.remaining - i.total
    from unnest(p_customers, v_lots, v_totals, v_plain) as i (customer_id, lot_id, total, plain)
    where i.plain and i.total > 0 and lots.customer_id = i.customer_id and lots.id = i.lot_id;

    update wallets set available = wallets.available - i.total, spent = wallets.spent + i.total,
        line = wallets.line + i.count, carry = wallets.carry + i.price - i.total, now_at = i.at, recorded_at = i.recorded
    from unnest(p_customers, v_wallets, v_totals, v_plain, p_counts, p_prices, v_now, v_recorded)
        as i (customer_id, wallet_id, total, plain, count, price, at, recorded)
    where i.plain and wallets.customer_id = i.customer_id and wallets.id = i.wallet_id;

    insert into transfers (customer_id, id, workspace_id, wallet_id, lot_id, kind, from_account, to_account, amount, cause,
                           cause_id, booked_at, recorded_at)
    select i.customer_id, i.id, i.workspace_id, i.wallet_id, i.lot_id, 'usage', 'available', 'spent', i.total, 'batch',
           p_batch, i.at, i.recorded
    from unnest(p_customers, p_transfers, p_workspaces, v_wallets, v_lots, v_totals, v_plain, v_now, v_recorded)
        as i (customer_id, id, workspace_id, wallet_id, lot_id, total, plain, at, recorded)
    where i.plain and i.total > 0;

    if true = any (v_due) then
        insert into wallets_due (customer_id, wallet_id, workspace_id)
        select i.customer_id, i.wallet_id, i.workspace_id
        from unnest(p_customers, v_wallets, p_workspaces, v_plain, v_due) as i (customer_id, wallet_id, workspace_id, plain, due)
        where i.plain and i.due
        on conflict do nothing;
    end if;

    return query
    with told as materialized (
        select e.n::int - 1 as place, e.at, e.id, e.key, e.hash, e.meter_id, e.value, e.rate, e.price, e.properties, e.rating,
               v_wallets[e.at] as wallet_id, v_lots[e.at] as lot_id, v_now[e.at] as booked_at,
               v_recorded[e.at] as recorded_at, coalesce(e.occurred_at, v_now[e.at]) as occurred_at,
               v_line[e.at] + e.rank as line,
               trunc(v_carry[e.at] + e.sum, p_decimals[e.at]) - trunc(v_carry[e.at] + e.sum - e.price, p_decimals[e.at])
                   as debit,
               v_available[e.at] - trunc(v_carry[e.at] + e.sum, p_decimals[e.at]) as balance_after
        from unnest(p_at, p_rank, p_ids, p_keys, p_hashes, p_meters, p_values, p_rates, p_event_prices, p_sums, p_occurred,
                    p_properties, p_ratings) with ordinality
            as e (at, rank, id, key, hash, meter_id, value, rate, price, sum, occurred_at, properties, rating, n)
        where v_plain[e.at]
    ), keyed as (
        insert into usage_keys (customer_id, key, hash, event_id, recorded_at)
        select p_customers[t.at], t.key, t.hash, t.id, t.recorded_at from told t
    ), kept as (
        insert into usage_events (customer_id, recorded_at, id, workspace_id, wallet_id, meter_id, key, value,
                                  credits_per_unit, price, debit, owed, lot_ids, lot_amounts, batch_id, line,
                                  balance_after, occurred_at, booked_at, properties, rating)
        select p_customers[t.at], t.recorded_at, t.id, p_workspaces[t.at], t.wallet_id, t.meter_id, t.key, t.value, t.rate,
               t.price, t.debit, 0, case when t.debit > 0 then array[t.lot_id] else '{}'::uuid[] end,
               case when t.debit > 0 then array[t.debit] else '{}'::numeric[] end, p_batch, t.line, t.balance_after,
               t.occurred_at, t.booked_at, t.properties::jsonb, t.rating::jsonb
        from told t
    ), counted as (
        insert into usage_days as d (customer_id, workspace_id, wallet_id, meter_id, day, events, value, debit)
        select p_customers[t.at], p_workspaces[t.at], t.wallet_id, t.meter_id, (t.booked_at at time zone 'UTC')::date,
               count(*), sum(t.value), sum(t.debit)
        from told t group by t.at, t.wallet_id, t.meter_id, 5
        on conflict (customer_id, wallet_id, day, meter_id) do update
            set events = d.events + excluded.events, value = d.value + excluded.value, debit = d.debit + excluded.debit
    )
    select t.place, t.wallet_id, t.lot_id, t.booked_at, t.recorded_at, t.line, t.debit, t.balance_after from told t;
end $$;
