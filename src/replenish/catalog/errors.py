"""Refusals that several files of the catalog share."""

from replenish.core.errors import Conflict, Invalid


class Taken(Conflict):
    """A natural key that another object of this workspace has."""

    code = "already_exists"

    def __init__(self, what: str, field: str) -> None:
        super().__init__(f"Another {what} has this {field}.", numbers={"field": field})


class Mismatched(Invalid):
    """Currencies that do not line up: saved, they would let a payment succeed while the balance stays zero."""

    code = "currency_mismatch"


class StillUsed(Conflict):
    """Archiving this would break what depends on it."""

    code = "still_used"
