"""Payments and credits agree (laws 8, 10, 11, 14)."""

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

_REFUNDED: Final = """
with given as (
    select customer_id, top_up_id, payment_id, sum(amount) as amount from refunds where state = 'succeeded' group by 1, 2, 3
)
select t.customer_id, 'top-up ' || t.number || ' refunded against its refunds' as what,
       coalesce(g.amount, 0) as expected, t.refunded_amount as found
from top_ups t left join (select customer_id, top_up_id, sum(amount) as amount from given group by 1, 2) g
    on g.customer_id = t.customer_id and g.top_up_id = t.id
where coalesce(g.amount, 0) <> t.refunded_amount
union all
select p.customer_id, 'payment ' || p.id || ' refunded against its refunds',
       case when p.state = 'refunded' then p.amount else coalesce(g.amount, 0) end, p.refunded_amount
from payments p left join given g on g.customer_id = p.customer_id and g.payment_id = p.id
where case when p.state = 'refunded' then p.amount else coalesce(g.amount, 0) end <> p.refunded_amount
union all
select r.customer_id, 'refund ' || r.id || ' is of a payment that its top-up kept', 1, 0
from refunds r where not exists (
    select from payments p where p.customer_id = r.customer_id and p.id = r.payment_id
    and p.top_up_id = r.top_up_id and p.state = 'settled' and p.refunded_amount <= p.amount)
"""

# Compared as whole smallest units, because a quotient would be rounded.
_CREDITS_BACK: Final = """
with share as (
    select customer_id, top_up_id, sum(credits) as credits, sum(credits_taken + credits_held + credits_owed) as booked
    from refunds group by 1, 2
), moved as (
    select r.customer_id, r.top_up_id, sum(t.amount) as amount from refunds r
    join transfers t on t.customer_id = r.customer_id and t.cause_id = r.id and t.kind in ('refund', 'refund_owed')
    group by 1, 2
)
select t.customer_id, 'top-up ' || t.number || ' credits of its refunds, in smallest units' as what,
       div(t.credit_amount * t.refunded_amount * power(10::numeric, c.decimals), t.amount) as expected,
       s.credits * power(10::numeric, c.decimals) as found
from share s join top_ups t on t.customer_id = s.customer_id and t.id = s.top_up_id
join payment_currencies c on c.id = t.credit_currency_id
where div(t.credit_amount * t.refunded_amount * power(10::numeric, c.decimals), t.amount)
      <> s.credits * power(10::numeric, c.decimals)
union all
select t.customer_id, 'top-up ' || t.number || ' credits of its refunds against transfers', s.booked,
       coalesce(m.amount, 0) + coalesce(l.refund_due, 0)
from share s join top_ups t on t.customer_id = s.customer_id and t.id = s.top_up_id
left join moved m on m.customer_id = s.customer_id and m.top_up_id = s.top_up_id
left join lots l on l.customer_id = t.customer_id and l.id = t.lot_id
where s.booked <> coalesce(m.amount, 0) + coalesce(l.refund_due, 0)
union all
select t.customer_id, 'transfer ' || t.id || ' belongs to no refund', 0, t.amount
from transfers t where t.kind in ('refund', 'refund_owed')
and not exists (select from refunds r where r.customer_id = t.customer_id and r.id = t.cause_id and r.state = 'succeeded')
union all
select l.customer_id, 'lot ' || l.id || ' waits for a refund that was not made', 0, l.refund_due
from lots l where l.refund_due > 0
and not exists (select from refunds r where r.customer_id = l.customer_id and r.id = l.refund_id and r.state = 'succeeded')
"""

MONEY: Final[Sequence[Check]] = (
    Check("settled top-ups are granted once", 8, _SETTLED),
    Check("settled top-ups are paid once", 11, _PAID),
    Check("recharge attempts agree with their top-ups", 10, _ATTEMPTS),
    Check("refunded money agrees", 14, _REFUNDED),
    Check("refunds took their credits", 14, _CREDITS_BACK),
)
