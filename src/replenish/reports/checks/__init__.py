"""The checks of `replenish verify`, by what they look at."""

import msgspec


class Check(msgspec.Struct, frozen=True):
    """`sql` selects differences only, as (customer_id, what, expected, found)."""

    name: str
    law: int
    sql: str
