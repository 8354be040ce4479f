"""What schedules granted: each granted period has its lot, each such lot its period, and no period is left out or doubled (law 8)."""

from collections.abc import Sequence
from typing import Final

from replenish.reports.checks import Check

_PERIODS: Final = """
with granted as (
    select p.customer_id, p.id, p.schedule_id, p.state, p.starts_at, g.lot_id, g.amount
    from grant_periods p
    cross join lateral (values (p.lot_id, p.amount), (p.carried_lot_id, p.carried_amount)) as g (lot_id, amount)
)
select p.customer_id, 'period ' || p.id || ' granted' as what, p.amount as expected, coalesce(l.amount, 0) as found
from granted p
left join grant_schedules s on s.customer_id = p.customer_id and s.id = p.schedule_id
left join lots l on l.customer_id = p.customer_id and l.id = p.lot_id and l.source = 'schedule' and l.source_id = p.schedule_id
    and l.wallet_id = s.wallet_id and l.effective_at = p.starts_at
where coalesce(l.amount, 0) <> p.amount or (p.state = 'skipped' and p.amount <> 0) or (l.id is null and p.lot_id is not null)
union all
select l.customer_id, 'lot ' || l.id || ' was granted by one period of its schedule', 1, count(p.id)
from lots l left join granted p on p.customer_id = l.customer_id and p.schedule_id = l.source_id and p.lot_id = l.id
where l.source = 'schedule'
-- One that was granted ahead of its period and called off before it began: the period is decided again.
and not (l.opened_at is null and l.voided_at is not null)
group by l.customer_id, l.id having count(p.id) <> 1
"""

# A rest is carried out of one lot into the next, and of one that lapsed: nothing is carried twice, nor made.
_CARRIED: Final = """
select p.customer_id, 'period ' || p.id || ' carries more than lapsed of the one before' as what,
       coalesce(sum(t.lapsed), 0) as expected, p.carried_amount as found
from grant_periods p
left join grant_periods b on b.customer_id = p.customer_id and b.schedule_id = p.schedule_id and b.number = p.number - 1
left join (
    select customer_id, lot_id, sum(amount) as lapsed from transfers where kind = 'expiry' group by 1, 2
) t on t.customer_id = b.customer_id and t.lot_id in (b.lot_id, b.carried_lot_id)
where p.carried_amount > 0
group by p.customer_id, p.id having p.carried_amount > coalesce(sum(t.lapsed), 0)
"""

_NUMBERED: Final = """
select coalesce(s.customer_id, p.customer_id) as customer_id,
       'periods of grant schedule ' || coalesce(s.id, p.schedule_id) || ' are decided once, in order' as what,
       coalesce(s.next_number, 1) - 1 as expected, coalesce(p.count, 0) as found
from grant_schedules s full join (
    select customer_id, schedule_id, count(*) as count, count(distinct number) as numbers, max(number) as last
    from grant_periods group by 1, 2
) p on p.customer_id = s.customer_id and p.schedule_id = s.id
where (s.next_number - 1) is distinct from coalesce(p.count, 0) or p.numbers <> p.count or p.last <> p.count
union all
select p.customer_id, 'period ' || p.id || ' begins where the one before ends', 1, 0
from grant_periods p
left join grant_periods b on b.customer_id = p.customer_id and b.schedule_id = p.schedule_id and b.number = p.number - 1
left join grant_schedules s on s.customer_id = p.customer_id and s.id = p.schedule_id
where p.starts_at is distinct from (case when p.number = 1 then s.starts_at else b.ends_at end)
"""

SCHEDULES: Final[Sequence[Check]] = (
    Check("scheduled grants have their periods", 8, _PERIODS),
    Check("what is carried over had lapsed", 1, _CARRIED),
    Check("periods are decided once, in order", 8, _NUMBERED),
)
