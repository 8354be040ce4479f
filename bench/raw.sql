-- Side (a): the same debit with the same rows as the product writes, as one function; one event, one transaction.
create table bench_wallets (n int primary key, customer_id uuid not null, wallet_id uuid not null);

create function bench_debit(p_n int, p_value numeric) returns numeric language plpgsql as $$
declare
    w wallets%rowtype;
    l lots%rowtype;
    b bench_wallets%rowtype;
    v_key text := gen_random_uuid()::text;
    v_event uuid := gen_random_uuid();
    v_batch uuid := gen_random_uuid();
    v_left numeric := p_value;
    v_take numeric;
    v_now timestamptz;
    v_lots uuid[] := '{}';
    v_amounts numeric[] := '{}';
begin
    select * into b from bench_wallets where n = p_n;
    select * into w from wallets where customer_id = b.customer_id and id = b.wallet_id for no key update;
    v_now := greatest(w.now_at, clock_timestamp());
    perform 1 from usage_keys where customer_id = w.customer_id and key = v_key;
    if found then
        return w.available;
    end if;
    if w.available < p_value or w.owed > 0 then
        return null;
    end if;
    for l in
        select * from lots where customer_id = w.customer_id and wallet_id = w.id and closed_at is null
        order by priority, coalesce(expires_at, 'infinity'), category = 'paid', created_at, id
    loop
        continue when l.effective_at > v_now or l.expires_at <= v_now or l.remaining <= l.held;
        v_take := least(v_left, l.remaining - l.held);
        update lots set remaining = remaining - v_take where customer_id = l.customer_id and id = l.id;
        v_lots := v_lots || l.id;
        v_amounts := v_amounts || v_take;
        insert into transfers (customer_id, id, workspace_id, wallet_id, lot_id, kind, from_account, to_account, amount,
                               cause, cause_id, booked_at, recorded_at)
        values (w.customer_id, gen_random_uuid(), w.workspace_id, w.id, l.id, 'usage', 'available', 'spent', v_take,
                'batch', v_batch, v_now, v_now);
        v_left := v_left - v_take;
        exit when v_left = 0;
    end loop;
    update wallets set available = available - p_value, spent = spent + p_value, line = line + 1, now_at = v_now,
        recorded_at = v_now where customer_id = w.customer_id and id = w.id;
    insert into usage_keys (customer_id, key, hash, event_id, recorded_at)
    values (w.customer_id, v_key, '\x00', v_event, v_now);
    insert into usage_events (customer_id, recorded_at, id, workspace_id, wallet_id, key, value, credits_per_unit, price,
                              debit, lot_ids, lot_amounts, batch_id, line, balance_after, occurred_at, booked_at)
    values (w.customer_id, v_now, v_event, w.workspace_id, w.id, v_key, p_value, 1, p_value, p_value, v_lots, v_amounts,
            v_batch, w.line + 1, w.available - p_value - w.owed, v_now, v_now);
    insert into usage_days as d (customer_id, workspace_id, wallet_id, day, events, value, debit)
    values (w.customer_id, w.workspace_id, w.id, (v_now at time zone 'UTC')::date, 1, p_value, p_value)
    on conflict (customer_id, wallet_id, day, meter_id) do update
        set events = d.events + 1, value = d.value + excluded.value, debit = d.debit + excluded.debit;
    return w.available - p_value;
end $$;
