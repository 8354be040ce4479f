"""`replenish verify`: derive every number of the books again, from the rows it must follow from.

Each check is one SELECT that returns only differences: (customer_id, what, expected, found). All run on one snapshot, so
that traffic cannot make a difference appear. Nothing is repaired: a difference is a bug or a damage, and shows it.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from replenish.core.db import Database
from replenish.core.money import plain
from replenish.core.rows import value
from replenish.reports.checks import Check
from replenish.reports.checks.books import BOOKS
from replenish.reports.checks.budgets import BUDGETS
from replenish.reports.checks.money import MONEY
from replenish.reports.checks.owners import OWNERS
from replenish.reports.checks.schedules import SCHEDULES
from replenish.reports.checks.told import TOLD
from replenish.reports.checks.usage import USAGE

CHECKS: Final[Sequence[Check]] = (*BOOKS, *OWNERS, *SCHEDULES, *USAGE, *BUDGETS, *MONEY, *TOLD)
_SHOWN_MAX: Final = 50


class Difference(msgspec.Struct, frozen=True):
    """One number that does not follow from the rows below it."""

    check: str
    law: int
    customer_id: UUID | None
    what: str
    expected: str
    found: str


class Verdict(msgspec.Struct, frozen=True):
    """What `verify` found: each check's name with its number of differences, and the first differences."""

    counts: dict[str, int]
    differences: list[Difference]

    @property
    def clean(self) -> bool:
        return not any(self.counts.values())


async def verify(db: Database, *, shown_max: int = _SHOWN_MAX) -> Verdict:
    """Run every check on one snapshot. At most `shown_max` differences of each are returned; all are counted."""
    counts: dict[str, int] = {}
    differences: list[Difference] = []
    async with db.snapshot() as reads:
        for check in CHECKS:
            rows = await reads.fetch(
                f"select *, count(*) over () as total from ({check.sql}) d limit $1",  # noqa: S608 - our own constants
                shown_max,
            )
            counts[check.name] = value(rows[0], "total", int) if rows else 0
            differences += [
                Difference(
                    check=check.name,
                    law=check.law,
                    customer_id=value(row, "customer_id", UUID) if row["customer_id"] is not None else None,
                    what=value(row, "what", str),
                    expected=_shown(value(row, "expected", object)),
                    found=_shown(value(row, "found", object)),
                )
                for row in rows
            ]
    return Verdict(counts, differences)


def _shown(found: object) -> str:
    return plain(found) if isinstance(found, Decimal) else str(found)
