"""Wallet row = lots = ledger (laws 1, 2, 4, 6)."""

from collections.abc import Sequence
from typing import Final

from replenish.reports.checks import Check

# What each of a wallet's accounts must hold, from its transfers. Sources (issued, owed) hold what left them.
_ACCOUNTS: Final = """
with flows as (
    select customer_id, wallet_id, from_account, to_account, sum(amount) as amount from transfers group by 1, 2, 3, 4
), moved as (
    select customer_id, wallet_id, account, sum(amount) as balance from (
        select customer_id, wallet_id, to_account as account,
               case when to_account in ('issued', 'owed') then -amount else amount end as amount from flows
        union all
        select customer_id, wallet_id, from_account,
               case when from_account in ('issued', 'owed') then amount else -amount end from flows
    ) legs group by 1, 2, 3
), held as (
    select w.customer_id, w.id as wallet_id, a.account, a.balance
    from wallets w cross join lateral (values
        ('issued', w.issued), ('available', w.available), ('held', w.held), ('owed', w.owed),
        ('spent', w.spent), ('expired', w.expired), ('revoked', w.revoked)) as a (account, balance)
)
select customer_id, 'wallet ' || wallet_id || ' account ' || account as what,
       coalesce(moved.balance, 0) as expected, coalesce(held.balance, 0) as found
from moved full join held using (customer_id, wallet_id, account)
where coalesce(moved.balance, 0) <> coalesce(held.balance, 0)
"""

_WALLET_IS_LOTS: Final = """
select w.customer_id, 'wallet ' || w.id || ' credits against its lots' as what,
       coalesce(l.remaining, 0) as expected, w.available + w.held as found
from wallets w left join (
    select customer_id, wallet_id, sum(remaining) as remaining from lots group by 1, 2
) l on l.customer_id = w.customer_id and l.wallet_id = w.id
where coalesce(l.remaining, 0) <> w.available + w.held
union all
select w.customer_id, 'wallet ' || w.id || ' held against its lots', coalesce(l.held, 0), w.held
from wallets w left join (
    select customer_id, wallet_id, sum(held) as held from lots group by 1, 2
) l on l.customer_id = w.customer_id and l.wallet_id = w.id
where coalesce(l.held, 0) <> w.held
"""

_LOT_IS_TRANSFERS: Final = """
with moved as (
    select customer_id, lot_id as id,
           sum(case when to_account in ('available', 'held') then amount else 0 end)
           - sum(case when from_account in ('available', 'held') then amount else 0 end) as remaining,
           sum(case when kind = 'grant' then amount else 0 end) as granted
    from transfers where lot_id is not null group by 1, 2
)
select customer_id, 'lot ' || id || ' remaining' as what,
       coalesce(moved.remaining, 0) as expected, coalesce(lots.remaining, 0) as found
from moved full join lots using (customer_id, id)
where coalesce(moved.remaining, 0) <> coalesce(lots.remaining, 0)
union all
select customer_id, 'lot ' || id || ' amount', moved.granted, lots.amount
from moved join lots using (customer_id, id) where moved.granted <> lots.amount
union all
select lots.customer_id, 'lot ' || lots.id || ' is started without a transfer', lots.amount, 0
from lots where opened_at is not null
and not exists (select from transfers t where t.customer_id = lots.customer_id and t.lot_id = lots.id and t.kind = 'grant')
union all
select t.customer_id, 'transfer ' || t.id || ' and its lot are in different wallets', 0, 1
from transfers t join lots l on l.customer_id = t.customer_id and l.id = t.lot_id where l.wallet_id <> t.wallet_id
"""

_LOT_STATE: Final = """
select l.customer_id, 'lot ' || l.id || ' has ended and still holds credits' as what, 0::numeric as expected,
       l.remaining - l.held as found
from lots l join wallets w on w.customer_id = l.customer_id and w.id = l.wallet_id
where l.remaining > l.held and (l.voided_at is not null or l.expires_at <= w.now_at)
union all
select l.customer_id, 'lot ' || l.id || ' is closed and still holds credits', 0, l.remaining
from lots l where l.closed_at is not null and l.remaining > 0
union all
select l.customer_id, 'lot ' || l.id || ' is used up and still open', 1, 0
from lots l where l.closed_at is null and l.opened_at is not null and l.remaining = 0
union all
select l.customer_id, 'lot ' || l.id || ' should have started', 1, 0
from lots l join wallets w on w.customer_id = l.customer_id and w.id = l.wallet_id
where l.opened_at is null and l.voided_at is null and l.effective_at <= w.now_at
union all
select l.customer_id, 'lot ' || l.id || ' falls due before its wallet says so', 1, 0
from lots l join wallets w on w.customer_id = l.customer_id and w.id = l.wallet_id
where l.closed_at is null and l.expired_at is null
  and least(case when l.opened_at is null then l.effective_at end, l.expires_at) < coalesce(w.good_until, 'infinity')
"""

_HOLDS: Final = """
with kept as (
    select h.customer_id, h.wallet_id, a.lot_id, sum(a.amount) as amount
    from holds h cross join lateral unnest(h.lot_ids, h.lot_amounts) as a (lot_id, amount)
    where h.ended_at is null group by 1, 2, 3
)
select l.customer_id, 'lot ' || l.id || ' held against its open holds' as what,
       coalesce(k.amount, 0) as expected, l.held as found
from lots l left join kept k on k.customer_id = l.customer_id and k.lot_id = l.id
where coalesce(k.amount, 0) <> l.held
union all
select h.customer_id, 'hold ' || h.id || ' amount against its allocation', h.amount,
       (select coalesce(sum(a), 0) from unnest(h.lot_amounts) a)
from holds h where h.amount <> (select coalesce(sum(a), 0) from unnest(h.lot_amounts) a)
union all
select h.customer_id, 'hold ' || h.id || ' should have ended', 1, 0
from holds h join wallets w on w.customer_id = h.customer_id and w.id = h.wallet_id
where h.ended_at is null and (h.expires_at <= w.now_at or w.good_until is null or h.expires_at < w.good_until)
union all
select h.customer_id, 'hold ' || h.id || ' captured against its usage event', h.captured, coalesce(e.debit, -1)
from holds h left join usage_events e on e.customer_id = h.customer_id and e.id = h.usage_event_id
where h.captured is distinct from e.debit
"""

_OWED: Final = """
select w.customer_id, 'wallet ' || w.id || ' owed against its items' as what,
       coalesce(i.remaining, 0) as expected, w.owed as found
from wallets w left join (
    select customer_id, wallet_id, sum(remaining) as remaining from owed_items group by 1, 2
) i on i.customer_id = w.customer_id and i.wallet_id = w.id
where coalesce(i.remaining, 0) <> w.owed
union all
select i.customer_id, 'owed item ' || i.id || ' repaid', i.amount - i.remaining, coalesce(t.repaid, 0)
from owed_items i left join (
    select customer_id, cause_id, sum(amount) as repaid from transfers where kind = 'repayment' group by 1, 2
) t on t.customer_id = i.customer_id and t.cause_id = i.id
where i.amount - i.remaining <> coalesce(t.repaid, 0)
  and not exists (select from usage_reversals r where r.customer_id = i.customer_id and r.event_id = i.cause_id)
union all
select i.customer_id, 'owed item ' || i.id || ' is open exactly while something remains', 1, 0
from owed_items i where (i.remaining > 0) <> (i.closed_at is null)
union all
select coalesce(i.customer_id, t.customer_id), 'refund ' || coalesce(i.cause_id, t.cause_id) || ' owed',
       coalesce(t.amount, 0), coalesce(i.amount, 0)
from (select customer_id, cause_id, sum(amount) as amount from owed_items where cause = 'refund' group by 1, 2) i
full join (select customer_id, cause_id, sum(amount) as amount from transfers where kind = 'refund_owed' group by 1, 2) t
    on t.customer_id = i.customer_id and t.cause_id = i.cause_id
where coalesce(t.amount, 0) <> coalesce(i.amount, 0)
"""

_ORPHANS: Final = """
select t.customer_id, 'transfer ' || t.id || ' has no wallet' as what, 1 as expected, 0 as found
from transfers t where not exists (select from wallets w where w.customer_id = t.customer_id and w.id = t.wallet_id)
union all
select a.customer_id, 'adjustment ' || a.id || ' moved', abs(a.amount), coalesce(t.amount, l.amount, 0)
from adjustments a
left join (select customer_id, cause_id, sum(amount) as amount from transfers where kind = 'adjustment' group by 1, 2) t
    on t.customer_id = a.customer_id and t.cause_id = a.id
left join lots l on l.customer_id = a.customer_id and l.id = a.lot_id
where abs(a.amount) <> coalesce(t.amount, l.amount, 0)
"""

BOOKS: Final[Sequence[Check]] = (
    Check("accounts follow from transfers", 1, _ACCOUNTS),
    Check("wallets equal their lots", 2, _WALLET_IS_LOTS),
    Check("lots follow from transfers", 2, _LOT_IS_TRANSFERS),
    Check("lots are in the state their times say", 4, _LOT_STATE),
    Check("held credits have their holds", 4, _HOLDS),
    Check("what is owed has its items", 6, _OWED),
    Check("every movement has its owner", 1, _ORPHANS),
)
