"""Usage: each event paid for once, priced exactly, and every statement line in its place (laws 1, 3, 5, 7)."""

from collections.abc import Sequence
from typing import Final

from replenish.reports.checks import Check

# Nearly every event was paid by one lot, and taking arrays apart costs more than all the rest.
_ALLOCATIONS: Final = """
select e.customer_id, 'usage event ' || e.id || ' debit against its allocation' as what, e.debit as expected,
       e.owed + (select coalesce(sum(a), 0) from unnest(e.lot_amounts) a) as found
from usage_events e
where cardinality(e.lot_ids) <> cardinality(e.lot_amounts)
   or e.debit <> e.owed + case when cardinality(e.lot_amounts) = 1 and array_lower(e.lot_amounts, 1) = 1 then e.lot_amounts[1]
                               else (select coalesce(sum(a), 0) from unnest(e.lot_amounts) a) end
"""

# By the unit or by the event, unless its rating says how. Nothing is left of the carry of an event that was reversed, so its
# price stands here alone.
_PRICES: Final = """
select e.customer_id, 'usage event ' || e.id || ' price' as what, e.value * e.credits_per_unit as expected, e.price as found
from usage_events e where e.rating is null and e.price not in (e.value * e.credits_per_unit, e.credits_per_unit)
union all
select e.customer_id, 'usage event ' || e.id || ' price of its parts', coalesce(parts.price, 0), e.price
from usage_events e cross join lateral (
    select sum((p ->> 'units')::numeric * (p ->> 'rate')::numeric) as price
    from jsonb_array_elements(e.rating -> 'parts') as p
) parts
where e.rating is not null and parts.price is distinct from e.price
"""

# The parts are the event's units, or as many packages as they begin; the rate that it shows is that of the last one.
_RATINGS: Final = """
select e.customer_id, 'usage event ' || e.id || ' units rated' as what, e.value as expected, coalesce(parts.units, 0) as found
from usage_events e cross join lateral (
    select sum((p ->> 'units')::numeric) as units, (e.rating ->> 'package_size')::numeric as size,
           (e.rating -> 'parts' -> -1 ->> 'rate')::numeric as rate, (e.rating ->> 'units')::numeric as counted
    from jsonb_array_elements(e.rating -> 'parts') as p
) parts
where e.rating is not null and (
    parts.rate is distinct from e.credits_per_unit
    or coalesce(parts.counted, e.value) not in (e.value, 1)
    or case e.rating ->> 'type'
        when 'package' then parts.units * parts.size < e.value or (parts.units - 1) * parts.size >= e.value
            or parts.units <> trunc(parts.units)
        else parts.units not in (e.value, 1)
    end is not false)
"""

_MONTHS: Final = """
with told as (
    select e.customer_id, e.wallet_id, e.meter_id, (e.rating ->> 'month')::date as month, e.rating ->> 'entry' as entry,
           coalesce(sum((e.rating ->> 'units')::numeric) filter (where r.id is null), 0) as units
    from usage_events e left join usage_reversals r on r.customer_id = e.customer_id and r.event_id = e.id
    where e.rating ->> 'month' is not null group by 1, 2, 3, 4, 5
), both_sides as (
    select customer_id, wallet_id, meter_id, month, entry, units, 1 as rows from told
    union all
    select customer_id, wallet_id, meter_id, month, entry, -units, -1 from usage_months
)
select customer_id, 'units of wallet ' || wallet_id || ' in the month from ' || month as what, 0 as expected,
       greatest(abs(sum(units)), abs(sum(rows))) as found
from both_sides group by customer_id, wallet_id, meter_id, month, entry having sum(units) <> 0 or sum(rows) <> 0
"""

# Both sides in one list of plain columns, so that one sort, shared among workers, brings them together.
_BATCHES: Final = """
select customer_id, 'batch ' || batch_id || ' lot ' || coalesce(lot_id::text, 'owed') as what,
       sum(allocated) as expected, sum(moved) as found
from (
    select customer_id, batch_id, wallet_id, lot_ids[1] as lot_id, lot_amounts[1] as allocated, 0::numeric as moved
    from usage_events where lot_ids[1] is not null or lot_amounts[1] is not null
    union all
    select e.customer_id, e.batch_id, e.wallet_id, a.lot_id, a.amount, 0::numeric
    from usage_events e cross join lateral (
        select * from unnest(e.lot_ids[2:], e.lot_amounts[2:]) union all select null, e.owed
    ) as a (lot_id, amount)
    where e.owed > 0 or cardinality(e.lot_ids) > 1 or cardinality(e.lot_amounts) > 1
    union all
    select customer_id, cause_id, wallet_id, lot_id, 0::numeric, amount
    from transfers where kind in ('usage', 'owe') and cause = 'batch'
) parts
group by customer_id, batch_id, wallet_id, lot_id having sum(allocated) <> sum(moved)
"""

_KEYS: Final = """
select coalesce(k.customer_id, e.customer_id) as customer_id,
       'usage key ' || coalesce(k.key, e.key) || ' and its event' as what,
       (k.key is not null)::int as expected, (e.id is not null)::int as found
from usage_keys k full join usage_events e
    on e.customer_id = k.customer_id and e.recorded_at = k.recorded_at and e.id = k.event_id and e.key = k.key
where k.key is null or (e.id is null and not exists (
    select from lots where lots.customer_id = k.customer_id and lots.id = k.event_id))
"""

_CARRY: Final = """
select w.customer_id, 'wallet ' || w.id || ' carry' as what,
       coalesce(e.carried, 0) - coalesce(r.carried, 0) as expected, w.carry as found
from wallets w
left join (select customer_id, wallet_id, sum(price - debit) as carried from usage_events group by 1, 2) e
    on e.customer_id = w.customer_id and e.wallet_id = w.id
left join (
    select x.customer_id, x.wallet_id, sum(e.price - e.debit) as carried
    from usage_reversals x join usage_events e on e.customer_id = x.customer_id and e.id = x.event_id group by 1, 2
) r on r.customer_id = w.customer_id and r.wallet_id = w.id
where coalesce(e.carried, 0) - coalesce(r.carried, 0) <> w.carry
"""

_DAYS: Final = """
with told as (
    select e.customer_id, e.wallet_id, e.meter_id, (e.booked_at at time zone 'UTC')::date as day, count(*) as events,
           sum(e.value) as value, sum(e.debit) as debit, coalesce(sum(e.debit) filter (where r.id is not null), 0) as reversed
    from usage_events e left join usage_reversals r on r.customer_id = e.customer_id and r.event_id = e.id
    group by 1, 2, 3, 4
), both_sides as (
    select customer_id, wallet_id, meter_id, day, events, value, debit, reversed, 1 as told, 0 as kept from told
    union all
    select customer_id, wallet_id, meter_id, day, -events, -value, -debit, -reversed, 0, 1 from usage_days
)
select customer_id, 'usage of wallet ' || wallet_id || ' on ' || day as what, 0 as expected,
       greatest(abs(sum(events)), abs(sum(value)), abs(sum(debit)), abs(sum(reversed)), abs(sum(told) - sum(kept))) as found
from both_sides group by customer_id, wallet_id, meter_id, day
having sum(events) <> 0 or sum(value) <> 0 or sum(debit) <> 0 or sum(reversed) <> 0 or sum(told) <> sum(kept)
"""

_REVERSALS: Final = """
select r.customer_id, 'reversal ' || r.id || ' against its event' as what, e.debit as expected,
       r.returned + r.forgiven as found
from usage_reversals r left join usage_events e on e.customer_id = r.customer_id and e.id = r.event_id
where r.returned + r.forgiven is distinct from e.debit or r.wallet_id <> e.wallet_id
union all
select r.customer_id, 'reversal ' || r.id || ' moved', r.returned + r.forgiven, coalesce(t.amount, 0)
from usage_reversals r left join (
    select customer_id, cause_id, sum(amount) as amount from transfers
    where kind in ('usage_reversal', 'owe_reversal') group by 1, 2
) t on t.customer_id = r.customer_id and t.cause_id = r.id
where r.returned + r.forgiven <> coalesce(t.amount, 0)
"""

# A wallet stands at the end of its own lines: where its number is another than the last line's, the step before it is none.
_LINES: Final = """
with lines as (
    select customer_id, wallet_id, line, balance_after, -debit as delta from usage_events
    union all
    select customer_id, wallet_id, line, balance_after,
           case when to_account in ('available', 'owed') then amount else 0 end
           - case when from_account in ('available', 'owed') then amount else 0 end
    from transfers where line is not null
    union all
    select customer_id, id, line + 1, null::numeric, null::numeric from wallets
), chained as (
    select *, lag(line, 1, 0::bigint) over w as line_before, lag(balance_after, 1, 0::numeric) over w as balance_before
    from lines window w as (partition by customer_id, wallet_id order by line)
)
select customer_id,
       'wallet ' || wallet_id || case when balance_after is null then ' after its last line' else ' line ' || line end as what,
       case when line = line_before + 1 then balance_before + delta else line_before + 1 end as expected,
       case when line = line_before + 1 then balance_after else line end as found
from chained where line <> line_before + 1 or balance_after <> balance_before + delta
"""

USAGE: Final[Sequence[Check]] = (
    Check("events are paid by their allocation", 3, _ALLOCATIONS),
    Check("events cost their value at their rate", 5, _PRICES),
    Check("what is not at a flat rate is rated part by part", 5, _RATINGS),
    Check("months add up the units that tiers count", 5, _MONTHS),
    Check("batches follow from their events", 1, _BATCHES),
    Check("each key has its event and each event its key", 7, _KEYS),
    Check("the carry is what rounding left", 5, _CARRY),
    Check("days add up their events", 5, _DAYS),
    Check("reversals return what was taken", 3, _REVERSALS),
    Check("statement lines follow one another", 2, _LINES),
)
