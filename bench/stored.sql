-- Events that were recorded before: the rows that debit_plain_usage and its caller would have written, a stretch of batches at
-- a time. Values go from 1 to 9 at one credit a unit, so that there is nothing to carry; each wallet has the bench's one lot,
-- which has the wallet's id. Times run evenly from p_since to p_until.

-- As the application makes them: the first 48 bits are the time in milliseconds.
create function bench_uuid7(p_at timestamptz) returns uuid language sql volatile as $$
    select (lpad(to_hex((extract(epoch from p_at) * 1000)::bigint), 12, '0') || '-7'
            || substr(gen_random_uuid()::text, 16))::uuid
$$;

-- Batches p_first to p_last of p_batches, those of one lane: a batch holds wallets of one lane only, and lanes run side by side.
create function bench_store(
    p_workspace uuid, p_currency uuid, p_meter uuid, p_since timestamptz, p_until timestamptz,
    p_batches int, p_batch_size int, p_first int, p_last int, p_lane int, p_lanes int
) returns bigint language plpgsql set work_mem = '256MB' as $$
declare
    v_wallets int := (select count(*) / p_lanes from bench_wallets);
begin
    create temp table bench_events on commit drop as
    with batches as materialized (
        select k, at, bench_uuid7(at) as batch_id
        from (
            select k, date_trunc('milliseconds', p_since + (p_until - p_since) * (k::float8 / p_batches)) as at
            from generate_series(p_first, p_last) k where k % p_lanes = p_lane
        ) times
    ), placed as materialized (
        -- By a hash rather than by chance: the same events in each run.
        select b.k, b.at, b.batch_id, rank, 1 + p_lane
               + p_lanes * mod(hashint8extended(b.k::bigint * p_batch_size + rank, 1) & x'7fffffff'::bigint, v_wallets)::int as n,
               (1 + mod(hashint8extended(b.k::bigint * p_batch_size + rank, 2) & x'7fffffff'::bigint, 9))::numeric as value
        from batches b cross join generate_series(1, p_batch_size) rank
    )
    select p.k, p.at, p.batch_id, b.customer_id, b.wallet_id, bench_uuid7(p.at) as id, gen_random_uuid()::text as key, p.value,
           w.line + row_number() over wallet as line, w.available - sum(p.value) over wallet as balance_after
    from placed p join bench_wallets b on b.n = p.n join wallets w on w.customer_id = b.customer_id and w.id = b.wallet_id
    window wallet as (partition by p.n order by p.k, p.rank)
    order by p.k, b.customer_id, line;
    analyze bench_events;

    insert into usage_keys (customer_id, key, hash, event_id, recorded_at)
    select customer_id, key,
           substr(sha256(convert_to(concat_ws(E'\x1f', p_currency, p_meter, value, '', '', 'null'), 'UTF8')), 1, 16), id, at
    from bench_events;

    insert into usage_events (customer_id, recorded_at, id, workspace_id, wallet_id, meter_id, key, value, credits_per_unit, price,
                              debit, owed, lot_ids, lot_amounts, batch_id, line, balance_after, occurred_at, booked_at)
    select customer_id, at, id, p_workspace, wallet_id, p_meter, key, value, 1, value, value, 0, array[wallet_id], array[value],
           batch_id, line, balance_after, at, at
    from bench_events;

    insert into transfers (customer_id, id, workspace_id, wallet_id, lot_id, kind, from_account, to_account, amount, cause,
                           cause_id, booked_at, recorded_at)
    select customer_id, bench_uuid7(at), p_workspace, wallet_id, wallet_id, 'usage', 'available', 'spent', sum(value), 'batch',
           batch_id, at, at
    from bench_events group by k, at, batch_id, customer_id, wallet_id order by k, customer_id;

    insert into usage_days as d (customer_id, workspace_id, wallet_id, meter_id, day, events, value, debit)
    select customer_id, p_workspace, wallet_id, p_meter, (at at time zone 'UTC')::date, count(*), sum(value), sum(value)
    from bench_events group by 1, 3, 5
    on conflict (customer_id, wallet_id, day, meter_id) do update
        set events = d.events + excluded.events, value = d.value + excluded.value, debit = d.debit + excluded.debit;

    update lots l set remaining = l.remaining - t.taken
    from (select customer_id, wallet_id, sum(value) as taken from bench_events group by 1, 2) t
    where l.customer_id = t.customer_id and l.id = t.wallet_id;

    update wallets w set available = w.available - t.taken, spent = w.spent + t.taken, line = w.line + t.count,
        now_at = t.at, recorded_at = t.at
    from (
        select customer_id, wallet_id, sum(value) as taken, count(*), max(at) as at from bench_events group by 1, 2
    ) t
    where w.customer_id = t.customer_id and w.id = t.wallet_id;
    return (select count(*) from bench_events);
end $$;
