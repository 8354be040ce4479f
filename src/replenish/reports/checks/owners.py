"""Nothing stands alone: each movement has what caused it, and each cause its movements (laws 1, 3, 4, 6, 10, 11)."""

from collections.abc import Sequence
from typing import Final

from replenish.reports.checks import Check

# The postings by name (ledger/postings.py), between which accounts each moves, and what may cause it.
_KINDS: Final = """
select t.customer_id, 'transfer ' || t.id || ' is no posting' as what,
       coalesce(k.from_account || ' to ' || k.to_account, 'a kind of posting and its cause') as expected,
       t.kind || ' by ' || t.cause || ', ' || t.from_account || ' to ' || t.to_account as found
from transfers t left join (values
    ('grant', 'issued', 'available', 'grant'), ('usage', 'available', 'spent', 'batch'),
    ('usage_reversal', 'spent', 'available', 'reversal'), ('hold', 'available', 'held', 'hold'),
    ('hold_release', 'held', 'available', 'hold'), ('owe', 'owed', 'spent', 'batch'),
    ('owe_reversal', 'spent', 'owed', 'reversal'), ('repayment', 'available', 'owed', 'owed_item'),
    ('repayment_reversal', 'owed', 'available', 'reversal'), ('expiry', 'available', 'expired', 'lot_end'),
    ('void', 'available', 'revoked', 'void'), ('void', 'available', 'revoked', 'lot_end'),
    ('adjustment', 'available', 'revoked', 'adjustment'), ('refund', 'available', 'revoked', 'refund'),
    ('refund_owed', 'owed', 'revoked', 'refund')
) as k (kind, from_account, to_account, cause) on k.kind = t.kind and k.cause = t.cause
where k.kind is null or (k.from_account, k.to_account) <> (t.from_account, t.to_account)
   or (t.lot_id is null) <> (t.kind in ('owe', 'owe_reversal', 'refund_owed'))
   or (t.kind in ('grant', 'expiry', 'void') and t.cause_id <> t.lot_id)
"""

_LOTS: Final = """
select distinct t.customer_id, 'lot ' || t.lot_id || ' moved credits and is not there' as what, 1 as expected, 0 as found
from transfers t where t.lot_id is not null
and not exists (select from lots l where l.customer_id = t.customer_id and l.id = t.lot_id)
union all
select l.customer_id, 'lot ' || l.id || ' has no wallet', 1, 0
from lots l where not exists (select from wallets w where w.customer_id = l.customer_id and w.id = l.wallet_id)
union all
select l.customer_id, 'lot ' || l.id || ' cost', t.amount, l.cost_amount
from lots l join top_ups t on t.customer_id = l.customer_id and t.id = l.source_id
where l.source = 'top_up' and l.cost_amount is distinct from t.amount
union all
select l.customer_id, 'lot ' || l.id || ' and its top-up are in different wallets', 0, 1
from lots l join top_ups t on t.customer_id = l.customer_id and t.id = l.source_id
where l.source = 'top_up' and l.wallet_id <> t.wallet_id
"""

_HOLDS: Final = """
with kept as (
    select h.customer_id, h.id, h.wallet_id, a.lot_id, sum(a.amount) as amount,
           sum(case when h.ended_at is null then 0 else a.amount end) as released
    from holds h cross join lateral unnest(h.lot_ids, h.lot_amounts) as a (lot_id, amount) group by 1, 2, 3, 4
), moved as (
    select customer_id, cause_id as id, wallet_id, lot_id,
           sum(case when kind = 'hold' then amount else 0 end) as amount,
           sum(case when kind = 'hold_release' then amount else 0 end) as released
    from transfers where kind in ('hold', 'hold_release') group by 1, 2, 3, 4
)
select coalesce(m.customer_id, k.customer_id) as customer_id,
       'hold ' || coalesce(m.id, k.id) || ' of lot ' || coalesce(m.lot_id, k.lot_id) || ', less what was let go' as what,
       coalesce(m.amount - m.released, 0) as expected, coalesce(k.amount - k.released, 0) as found
from moved m full join kept k
    on k.customer_id = m.customer_id and k.id = m.id and k.wallet_id = m.wallet_id and k.lot_id = m.lot_id
where (m.amount, m.released) is distinct from (k.amount, k.released)
union all
select h.customer_id, 'hold ' || h.id || ' is open exactly until it ends', 1, 0
from holds h where (h.state = 'open') <> (h.ended_at is null) or (h.state = 'captured') <> (h.captured is not null)
"""

_OWED: Final = """
with items as (
    select customer_id, wallet_id, cause_id, sum(amount) as amount from owed_items where cause = 'usage' group by 1, 2, 3
), spent as (
    select customer_id, wallet_id, id, owed from usage_events where owed > 0
)
select coalesce(e.customer_id, i.customer_id) as customer_id,
       'usage event ' || coalesce(e.id, i.cause_id) || ' owed against its items' as what,
       coalesce(e.owed, 0) as expected, coalesce(i.amount, 0) as found
from spent e full join items i on i.customer_id = e.customer_id and i.wallet_id = e.wallet_id and i.cause_id = e.id
where coalesce(e.owed, 0) <> coalesce(i.amount, 0)
union all
select i.customer_id, 'owed item ' || i.id || ' and its refund are in different wallets', 0, 1
from owed_items i join refunds r on r.customer_id = i.customer_id and r.id = i.cause_id
join top_ups t on t.customer_id = r.customer_id and t.id = r.top_up_id
where i.cause = 'refund' and i.wallet_id <> t.wallet_id
"""

_ADJUSTMENTS: Final = """
with moved as (
    select customer_id, wallet_id, cause_id as id, -sum(amount) as amount from transfers where kind = 'adjustment'
    group by 1, 2, 3
    union all
    select customer_id, wallet_id, source_id, sum(amount) from lots where source = 'adjustment' group by 1, 2, 3
)
select coalesce(a.customer_id, m.customer_id) as customer_id,
       'adjustment ' || coalesce(a.id::text, m.id::text, 'unknown') || ' against what it moved' as what,
       coalesce(a.amount, 0) as expected, coalesce(m.amount, 0) as found
from adjustments a full join moved m on m.customer_id = a.customer_id and m.wallet_id = a.wallet_id and m.id = a.id
where coalesce(a.amount, 0) <> coalesce(m.amount, 0)
"""

_PURCHASES: Final = """
select p.customer_id, 'payment ' || p.id || ' against its top-up' as what, t.amount as expected, p.amount as found
from payments p left join top_ups t on t.customer_id = p.customer_id and t.id = p.top_up_id
where t.amount is distinct from p.amount or t.currency_id is distinct from p.currency_id
union all
select coalesce(t.customer_id, a.customer_id), 'recharge attempt ' || coalesce(a.id, t.recharge_attempt_id) || ' bought',
       t.amount, a.amount
from (select * from top_ups where recharge_attempt_id is not null) t
full join (select * from recharge_attempts where top_up_id is not null) a
    on a.customer_id = t.customer_id and a.id = t.recharge_attempt_id and a.top_up_id = t.id
where (t.amount, t.credit_amount, t.wallet_id) is distinct from (a.amount, a.credits, a.wallet_id)
union all
select a.customer_id, 'recharge attempt ' || a.id || ' has no payment', 1, 0
from recharge_attempts a where a.payment_id is not null
and not exists (select from payments p where p.customer_id = a.customer_id and p.id = a.payment_id)
union all
select r.customer_id, 'refund ' || r.id || ' against its parts', r.credits,
       r.credits_taken + r.credits_lapsed + r.credits_held + r.credits_owed + r.credits_written_off
from refunds r
where r.credits <> r.credits_taken + r.credits_lapsed + r.credits_held + r.credits_owed + r.credits_written_off
"""

OWNERS: Final[Sequence[Check]] = (
    Check("each transfer is a posting", 1, _KINDS),
    Check("lots are where their credits moved", 1, _LOTS),
    Check("holds follow from transfers", 4, _HOLDS),
    Check("owed usage has its items", 6, _OWED),
    Check("adjustments moved what they say", 1, _ADJUSTMENTS),
    Check("purchases, payments and attempts agree", 11, _PURCHASES),
)
