"""What a workspace amounts to, for the first page that an operator sees."""

from typing import Final

import msgspec

from replenish.core.db import Reads
from replenish.core.ids import WorkspaceId
from replenish.core.rows import value

# Counted no further: the page must not become slow with a million customers.
COUNTED_MAX: Final = 10_000


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Each at most COUNTED_MAX + 1, which means "more than that"."""

    customers: int
    products: int
    top_ups: int
    recharge_rules: int


_COUNTS: Final = """
select
  (select count(*) from (select from customers where workspace_id = $1 limit $2) x)::int as customers,
  (select count(*) from (select from products where workspace_id = $1 and active limit $2) x)::int as products,
  (select count(*) from (select from top_ups where workspace_id = $1 and state = 'settled' limit $2) x)::int as top_ups,
  (select count(*) from (select from recharge_rules where workspace_id = $1 and enabled limit $2) x)::int as recharge_rules
"""


async def counts(db: Reads, *, workspace_id: WorkspaceId) -> Counts:
    """Customers, products on sale, settled top-ups, and customers' rules that are switched on."""
    row = await db.fetchrow(_COUNTS, workspace_id, COUNTED_MAX + 1)
    if row is None:
        raise LookupError("a select without a from clause has one row")
    return Counts(**{name: value(row, name, int) for name in Counts.__struct_fields__})
