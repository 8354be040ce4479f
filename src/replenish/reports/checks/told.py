"""What was told and what is there agree: each row that an event names, with its numbers, and each row with its event (law 15).

Events are written in the transaction they tell of and are never changed, so they are a second witness of every row that
nothing else follows from: a grant that has not started, a payment that was declined, a hold that is over.
"""

from collections.abc import Sequence
from typing import Final

from replenish.reports.checks import Check

# Numbers in one order on both sides. What is told several times was told last as it stands now.
_TOLD: Final = """
with told as (
    select distinct on (customer_id, object_id) customer_id, object_type, object_id as id,
           case object_type
               when 'hold' then array[data ->> 'amount', data ->> 'captured']
               when 'top_up' then array[data ->> 'amount', data ->> 'quantity', data ->> 'credits']
               when 'refund' then array[data ->> 'amount', data ->> 'credits', data ->> 'credits_owed',
                                        data ->> 'credits_written_off']
               when 'recharge_attempt' then array[data ->> 'amount', data ->> 'credits', data ->> 'packs',
                                                  data ->> 'balance', data ->> 'pending', data ->> 'threshold']
               when 'usage_event' then array[data ->> 'debit']
               else array[data ->> 'amount']
           end::numeric[] as numbers
    from events
    where object_type in ('adjustment', 'hold', 'top_up', 'payment', 'refund', 'recharge_attempt')
       or type in ('credit_grant.created', 'usage_event.reversed')
    order by customer_id, object_id, number desc
), kept as (
    -- `told`: no such row without its event. Of lots, those that have not started: the others follow from transfers, as
    -- holds do. Of purchases, those that somebody decided; what a changed rule calls off ends in silence.
    select customer_id, 'credit_grant' as object_type, id, array[amount] as numbers, opened_at is null as told from lots
    union all
    select customer_id, 'adjustment', id, array[amount], true from adjustments
    union all
    select customer_id, 'hold', id, array[amount, captured], false from holds
    union all
    select customer_id, 'top_up', id, array[amount, quantity, credit_amount],
           state in ('settled', 'failed') from top_ups
    union all
    select customer_id, 'payment', id, array[amount],
           state in ('settled', 'declined', 'unapplied', 'refunded') from payments
    union all
    select customer_id, 'refund', id, array[amount, credits, credits_owed, credits_written_off], true from refunds
    union all
    select customer_id, 'recharge_attempt', id, array[amount, credits, packs, balance, pending, threshold],
           state in ('succeeded', 'declined', 'refused') from recharge_attempts
    union all
    select e.customer_id, 'usage_event', e.id, array[e.debit], true
    from usage_reversals r join usage_events e on e.customer_id = r.customer_id and e.id = r.event_id
)
select coalesce(t.customer_id, k.customer_id) as customer_id,
       coalesce(t.object_type, k.object_type) || ' ' || coalesce(t.id, k.id) || ' as its last event told' as what,
       coalesce(t.numbers::text, 'no event') as expected, coalesce(k.numbers::text, 'no row') as found
from told t full join kept k on k.customer_id = t.customer_id and k.id = t.id and k.object_type = t.object_type
where (t.id is null and k.told) or (t.id is not null and t.numbers is distinct from k.numbers)
"""

_NUMBERED: Final = """
select coalesce(l.customer_id, e.customer_id) as customer_id, 'events of a customer are numbered without holes' as what,
       coalesce(l.number, 0) as expected, coalesce(e.last, 0) as found
from customer_events_last l full join (
    select customer_id, count(*) as count, count(distinct number) as numbers, max(number) as last from events group by 1
) e on e.customer_id = l.customer_id
where l.number is distinct from coalesce(e.last, 0) or l.number is distinct from coalesce(e.count, 0)
   or e.count <> e.numbers
"""

TOLD: Final[Sequence[Check]] = (
    Check("rows are as their events told", 15, _TOLD),
    Check("events are numbered without holes", 15, _NUMBERED),
)
