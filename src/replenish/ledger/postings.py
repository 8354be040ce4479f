"""Each movement of credits by its name, with its reversal. There is no free-form posting anywhere else.

issued ──grant──▶ available ──usage──▶ spent ◀──owe── owed
                  available ◀──hold, hold_release──▶ held
                  available ──repayment──▶ owed
                  available ──expiry──▶ expired
                  available ──void, adjustment, refund──▶ revoked ◀──refund_owed── owed
"""

from replenish.core.ids import LotId
from replenish.core.money import Credits
from replenish.ledger.model import Account, Kind, Posting


def grant(*, lot_id: LotId, amount: Credits) -> Posting:
    """A lot starts: its credits can be spent. Undone by `void` and `expiry`, never removed."""
    return _posting("grant", "issued", "available", amount, lot_id)


def usage(*, lot_id: LotId, amount: Credits) -> Posting:
    """A lot pays for usage."""
    return _posting("usage", "available", "spent", amount, lot_id)


def usage_reversal(*, lot_id: LotId, amount: Credits) -> Posting:
    """What a lot paid comes back to it."""
    return _posting("usage_reversal", "spent", "available", amount, lot_id)


def hold(*, lot_id: LotId, amount: Credits) -> Posting:
    """A lot's credits are reserved."""
    return _posting("hold", "available", "held", amount, lot_id)


def hold_release(*, lot_id: LotId, amount: Credits) -> Posting:
    """A hold ends: what it kept can be spent, by its capture first of all."""
    return _posting("hold_release", "held", "available", amount, lot_id)


def owe(*, amount: Credits) -> Posting:
    """Usage that no lot could pay."""
    return _posting("owe", "owed", "spent", amount, None)


def owe_reversal(*, amount: Credits) -> Posting:
    """Owed usage is taken back."""
    return _posting("owe_reversal", "spent", "owed", amount, None)


def repayment(*, lot_id: LotId, amount: Credits) -> Posting:
    """A lot pays what was owed."""
    return _posting("repayment", "available", "owed", amount, lot_id)


def repayment_reversal(*, lot_id: LotId, amount: Credits) -> Posting:
    """What a lot paid of a debt comes back to it; the debt is open again."""
    return _posting("repayment_reversal", "owed", "available", amount, lot_id)


def expiry(*, lot_id: LotId, amount: Credits) -> Posting:
    """A lot's time is over: what is left of it lapses."""
    return _posting("expiry", "available", "expired", amount, lot_id)


def void(*, lot_id: LotId, amount: Credits) -> Posting:
    """The merchant takes a lot back."""
    return _posting("void", "available", "revoked", amount, lot_id)


def adjustment(*, lot_id: LotId, amount: Credits) -> Posting:
    """An operator takes credits; giving credits is a grant."""
    return _posting("adjustment", "available", "revoked", amount, lot_id)


def refund(*, lot_id: LotId, amount: Credits) -> Posting:
    """Money went back, so the credits it bought go, too."""
    return _posting("refund", "available", "revoked", amount, lot_id)


def refund_owed(*, amount: Credits) -> Posting:
    """Money went back for credits that are spent already: they are owed, and repaid like any other debt."""
    return _posting("refund_owed", "owed", "revoked", amount, None)


def _posting(kind: Kind, from_account: Account, to_account: Account, amount: Credits, lot_id: LotId | None) -> Posting:
    # A zero or negative posting would hide a sign error as a harmless row; 31,348 credits were once minted that way.
    if amount.value <= 0:
        raise ValueError(f"a {kind} posting must be positive, not {amount}")
    return Posting(kind, from_account, to_account, amount, lot_id)
