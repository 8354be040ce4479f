"""Lists by page number, with a count: what the original's clients page by. Newest first unless asked otherwise.

Answers ids only; the edge reads the objects by their own feature's queries. Filters are named here, never by a caller.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from replenish.core.db import Reads
from replenish.core.ids import WorkspaceId
from replenish.core.rows import value

# Counting on would cost more than anybody reads of it.
COUNT_MAX: Final = 100_000


class Listing(msgspec.Struct, frozen=True):
    """One page's ids in order, and how many there are in all (up to COUNT_MAX)."""

    count: int
    ids: Sequence[UUID]


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """`page` from 1; or ids `after` (older than, newest first) and `before`."""

    page: int = 1
    page_size: int = 20
    ascending: bool = False
    after: UUID | None = None
    before: UUID | None = None


_NOW: Final = "(select coalesce(test_clock, clock_timestamp()) from workspaces where workspaces.id = t.workspace_id)"
_LOT_STATUS: Final = (
    "(case when t.voided_at is not null then 'voided'"
    f" when t.effective_at > {_NOW} then 'pending'"
    f" when t.expires_at <= {_NOW} and (t.remaining > 0 or t.opened_at is null or t.expired_at is not null)"
    " then 'expired' when t.remaining > 0 or t.opened_at is null then 'granted' else 'depleted' end)"
)
_OWED: Final = (
    "exists (select from owed_items o where o.customer_id = t.customer_id and o.cause = 'usage' and o.cause_id = t.id"
    " and o.closed_at is null)"
)
_REVERSED: Final = "exists (select from usage_reversals r where r.customer_id = t.customer_id and r.event_id = t.id)"
_EVENT_STATUS: Final = (
    f"(case when {_REVERSED} then 'canceled' when {_OWED} then 'requires_capture' else 'completed' end)"
)
_WALLETS_OF: Final = "select w.id from wallets w where w.customer_id = t.customer_id and w.currency_id = {}"

# What a merchant gave back, and payments that nothing wanted, which go back as a whole and by themselves.
_REFUNDS: Final = (
    "(select id, workspace_id, customer_id, top_up_id, payment_id, state, metadata from refunds union all"
    " select id, workspace_id, customer_id, top_up_id, id, case state when 'refunded' then 'succeeded' else 'pending' end,"
    " '{}'::jsonb from payments where state in ('refunded', 'unapplied'))"
)

# Table, and what each filter asks for; {} is its value.
_SOURCES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "products": (
        "products",
        {
            "active": "t.active = {}",
            "name": "t.name = {}",
            "description": "t.description = {}",
            "q": "t.name ilike {}",
            "metadata": "t.metadata @> {}::jsonb",
        },
    ),
    "prices": (
        "prices",
        {
            "active": "t.active = {}",
            "product_id": "t.product_id = {}",
            "currency_id": "(t.currency_id = {0} or exists (select from price_options o"
            " where o.price_id = t.id and o.currency_id = {0}))",
            "lookup_key": "t.lookup_key = {}",
            "q": "t.nickname ilike {}",
            "metadata": "t.metadata @> {}::jsonb",
        },
    ),
    "meters": (
        "meters",
        {
            "status": "t.status = any({})",
            "event_name": "t.event_name = {}",
            "currency_id": "t.currency_id = {}",
            "q": "t.name ilike {}",
            "metadata": "t.metadata @> {}::jsonb",
        },
    ),
    "customers": (
        "customers",
        {
            "external_id": "t.external_id = {}",
            "email": "lower(t.email) = lower({})",
            "q": "(t.name ilike {0} or t.email ilike {0} or t.external_id ilike {0})",
            "metadata": "t.metadata @> {}::jsonb",
        },
    ),
    "payment_links": ("payment_links", {"active": "t.active = {}", "metadata": "t.metadata @> {}::jsonb"}),
    "checkout_sessions": (
        "checkout_sessions",
        {
            "status": "t.state = any({})",
            "customer_id": "t.customer_id = {}",
            "payment_link_id": "t.payment_link_id = {}",
            "paid": "(t.top_up_id is not null and t.state = 'complete') = {}",
            "metadata": "t.metadata @> {}::jsonb",
        },
    ),
    "top_ups": (
        "top_ups",
        {
            "status": "t.state = any({})",
            "customer_id": "t.customer_id = {}",
            "currency_id": "t.currency_id = {}",
            "metadata": "t.metadata @> {}::jsonb",
        },
    ),
    "payments": (
        "payments",
        {
            "status": "t.state = any({})",
            "customer_id": "t.customer_id = {}",
            "top_up_id": "t.top_up_id = {}",
            "metadata": "exists (select from top_ups o where o.customer_id = t.customer_id and o.id = t.top_up_id"
            " and o.metadata @> {}::jsonb)",
        },
    ),
    "refunds": (
        _REFUNDS,
        {
            "status": "t.state = any({})",
            "customer_id": "t.customer_id = {}",
            "top_up_id": "t.top_up_id = {}",
            "payment_id": "t.payment_id = {}",
            "metadata": "t.metadata @> {}::jsonb",
        },
    ),
    "lots": (
        "lots",
        {
            "customer_id": "t.customer_id = {}",
            "currency_id": f"t.wallet_id in ({_WALLETS_OF})",
            "status": f"{_LOT_STATUS} = any({{}})",
            "category": "t.category = any({})",
            "q": "t.name ilike {}",
            "metadata": "t.metadata @> {}::jsonb",
        },
    ),
    "usage_events": (
        "usage_events",
        {
            "customer_id": "t.customer_id = {}",
            "meter_id": "t.meter_id = {}",
            "start": "t.occurred_at >= {}",
            "end": "t.occurred_at <= {}",
            "status": f"{_EVENT_STATUS} = any({{}})",
            "q": "t.key ilike {}",
        },
    ),
    "events": (
        "events",
        {
            "type": "t.type = any({})",
            "object_type": "t.object_type = {}",
            "object_id": "t.object_id = {}",
            "customer_id": "t.customer_id = {}",
        },
    ),
    "webhook_endpoints": ("webhook_endpoints", {"status": "t.status = any({})"}),
}


async def numbered(
    db: Reads,
    *,
    source: str,
    workspace_id: WorkspaceId,
    filters: Mapping[str, object],
    paging: Paging,
) -> Listing:
    """`filters` whose value is None are left out. Raises KeyError for a filter that this source does not have."""
    table, known = _SOURCES[source]
    arguments: list[object] = [workspace_id]
    where = ["t.workspace_id = $1"]
    for name, wanted in filters.items():
        if wanted is not None:
            arguments.append(wanted)
            where.append(known[name].format(f"${len(arguments)}"))
    asked = " and ".join(where)
    count = await db.fetchval(
        f"select count(*)::int from (select from {table} t where {asked} limit {COUNT_MAX}) counted",  # noqa: S608 - constants above
        *arguments,
    )
    for bound, comparison in ((paging.after, "<"), (paging.before, ">")):
        if bound is not None:
            arguments.append(bound)
            asked += f" and t.id {comparison} ${len(arguments)}"
    direction = "asc" if paging.ascending else "desc"
    rows = await db.fetch(
        f"select t.id from {table} t where {asked} order by t.id {direction}"  # noqa: S608 - constants above
        f" limit ${len(arguments) + 1} offset ${len(arguments) + 2}",
        *arguments,
        paging.page_size,
        (paging.page - 1) * paging.page_size,
    )
    return Listing(count=count if isinstance(count, int) else 0, ids=[value(row, "id", UUID) for row in rows])
