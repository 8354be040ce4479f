"""Payments and credits agree, and the outbox has no holes (laws 8, 10, 11, 15)."""

from collections.abc import Sequence
from typing import Final

from replenish.reports.checks import Check

_SETTLED: Final = """
select t.customer_id, 'top-up ' || t.number || ' granted' as what,
       case when t.state = 'settled' then t.credit_amount else 0 end as expected, coalesce(l.amount, 0) as found
from top_ups t left join (
    select customer_id, source_id, sum(amount) as amount from lots where source = 'top_up' group by 1, 2
) l on l.customer_id = t.customer_id and l.source_id = t.id
where coalesce(l.amount, 0) <> case when t.state = 'settled' then t.credit_amount else 0 end
union all
select l.customer_id, 'lot ' || l.id || ' was bought by no top-up', 1, 0
from lots l where l.source = 'top_up'
and not exists (select from top_ups t where t.customer_id = l.customer_id and t.id = l.source_id and t.lot_id = l.id)
"""

_PAID: Final = """
select t.customer_id, 'top-up ' || t.number || ' paid' as what,
       case when t.state = 'settled' then t.amount else 0 end as expected, coalesce(p.amount, 0) as found
from top_ups t left join (
    select customer_id, top_up_id, sum(amount) as amount from payments where state = 'settled' group by 1, 2
) p on p.customer_id = t.customer_id and p.top_up_id = t.id
where coalesce(p.amount, 0) <> case when t.state = 'settled' then t.amount else 0 end
"""

_ATTEMPTS: Final = """
select a.customer_id, 'recharge attempt ' || a.id || ' and its top-up' as what,
       (a.state = 'succeeded')::int as expected, (t.state is not distinct from 'settled')::int as found
from recharge_attempts a left join top_ups t on t.customer_id = a.customer_id and t.id = a.top_up_id
where (a.state = 'succeeded') <> (t.state is not distinct from 'settled')
  and a.state in ('succeeded', 'declined', 'refused', 'expired')
"""

_EVENTS: Final = """
select l.customer_id, 'events of a customer are numbered without holes' as what,
       l.number as expected, coalesce(e.count, 0) as found
from customer_events_last l left join (
    select customer_id, count(*) as count, max(number) as last from events group by 1
) e on e.customer_id = l.customer_id
where l.number <> coalesce(e.count, 0) or l.number <> coalesce(e.last, 0)
"""

MONEY: Final[Sequence[Check]] = (
    Check("settled top-ups are granted once", 8, _SETTLED),
    Check("settled top-ups are paid once", 11, _PAID),
    Check("recharge attempts agree with their top-ups", 10, _ATTEMPTS),
    Check("events are numbered without holes", 15, _EVENTS),
)
