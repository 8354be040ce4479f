"""What budgets counted is what usage took and open holds keep, and everything that they look at was counted."""

from collections.abc import Sequence
from typing import Final

from replenish.reports.checks import Check

_COUNTERS: Final = """
with spent as (
    select e.customer_id, c.id, sum(e.debit) as amount
    from usage_events e cross join lateral unnest(e.counter_ids) as c (id)
    where e.counter_ids is not null and not exists (select from usage_reversals r where r.customer_id = e.customer_id and r.event_id = e.id)
    group by 1, 2
), held as (
    select h.customer_id, c.id, sum(h.amount) as amount
    from holds h cross join lateral unnest(h.counter_ids) as c (id) where h.ended_at is null group by 1, 2
)
select customer_id, 'budget counter ' || id || ' spent' as what, coalesce(s.amount, 0) as expected,
       coalesce(c.spent, 0) as found
from budget_counters c full join spent s using (customer_id, id) where coalesce(s.amount, 0) <> coalesce(c.spent, 0)
union all
select customer_id, 'budget counter ' || id || ' held', coalesce(h.amount, 0), coalesce(c.held, 0)
from budget_counters c full join held h using (customer_id, id) where coalesce(h.amount, 0) <> coalesce(c.held, 0)
"""

# Reversed events and ended holds move no counter, and still name theirs.
_NAMED: Final = """
with named as (
    select e.customer_id, c.id, e.wallet_id, e.meter_id, e.properties, e.booked_at as at
    from usage_events e cross join lateral unnest(e.counter_ids) as c (id) where e.counter_ids is not null
    union all
    select h.customer_id, c.id, h.wallet_id, h.meter_id, h.properties, h.created_at
    from holds h cross join lateral unnest(h.counter_ids) as c (id)
)
select n.customer_id, 'budget counter ' || n.id || ' counts something that its budget does not look at' as what,
       0 as expected, count(*) as found
from named n left join budget_counters c on c.customer_id = n.customer_id and c.id = n.id
left join budgets b on b.customer_id = c.customer_id and b.id = c.budget_id
where b.id is null or b.wallet_id <> n.wallet_id or coalesce(b.meter_id <> n.meter_id, b.meter_id is not null)
   or (b.label_property is not null and not coalesce(n.properties ? b.label_property, false))
   or (b.label is not null and b.label <> c.label)
   or n.at < c.window_start or n.at >= coalesce(c.window_end, 'infinity')
group by n.customer_id, n.id
union all
select c.customer_id, 'budget counter ' || c.id || ' belongs to no budget', 1, 0
from budget_counters c where not exists (select from budgets b where b.customer_id = c.customer_id and b.id = c.budget_id)
union all
select customer_id, 'counters of budget ' || budget_id || ' for one window of ' || window_start, 1, count(*)
from budget_counters group by customer_id, budget_id, label, window_start having count(*) > 1
"""

_COUNTED: Final = """
select e.customer_id, 'usage event ' || e.id || ' was counted by budget ' || b.id as what, 1 as expected, count(c.id) as found
from budgets b join usage_events e on e.customer_id = b.customer_id and e.wallet_id = b.wallet_id and e.line > b.counts_from
left join lateral unnest(e.counter_ids) as n (id) on true
left join budget_counters c on c.customer_id = e.customer_id and c.id = n.id and c.budget_id = b.id
where b.active and e.debit > 0 and coalesce(b.meter_id = e.meter_id, b.meter_id is null)
  and (b.label_property is null or coalesce(jsonb_typeof(e.properties -> b.label_property), 'null') <> 'null')
  -- Numbers are labels in a form of their own.
  and (b.label is null or (jsonb_typeof(e.properties -> b.label_property) = 'string'
                           and b.label = e.properties ->> b.label_property))
group by e.customer_id, e.id, b.id having count(c.id) <> 1
union all
select w.customer_id, 'wallet ' || w.id || ' asks its budgets', (not w.budgeted)::int, w.budgeted::int
from wallets w
where w.budgeted <> exists (select from budgets b where b.customer_id = w.customer_id and b.wallet_id = w.id and b.active)
union all
select l.customer_id, 'wallet ' || l.wallet_id || ' knows that lot ' || l.id || ' has a scope', 1, 0
from lots l join wallets w on w.customer_id = l.customer_id and w.id = l.wallet_id
where l.closed_at is null and l.scope <> '{}' and not w.scoped
"""

# What was told stays told; a window is told again after its limit was changed.
_TOLD: Final = """
with told as (
    select distinct customer_id, object_id as budget_id, coalesce(data ->> 'label', '') as label,
           (data ->> 'window_starts_at')::timestamptz as window_start
    from events where object_type = 'budget' and type in ('budget.exceeded', 'budget.alert_reached')
)
select coalesce(t.customer_id, c.customer_id) as customer_id,
       'budget ' || coalesce(t.budget_id, c.budget_id) || ' told of ' || coalesce(t.window_start, c.window_start) as what,
       (t.budget_id is not null)::int as expected, (c.id is not null)::int as found
from told t full join budget_counters c on c.customer_id = t.customer_id and c.budget_id = t.budget_id
    and c.label = t.label and c.window_start = t.window_start
where c.id is null or (t.budget_id is null and (c.exceeded_at is not null or c.alerted_at is not null))
"""

BUDGETS: Final[Sequence[Check]] = (
    Check("budgets counted what was taken and is held", 6, _COUNTERS),
    Check("budgets counted only what they look at", 6, _NAMED),
    Check("budgets counted all that they look at", 6, _COUNTED),
    Check("budgets told of what they counted", 15, _TOLD),
)
