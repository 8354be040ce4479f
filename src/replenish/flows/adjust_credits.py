"""Adjustments: an operator or the API gives or takes credits, with a reason. Giving makes a promotional grant."""

from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from replenish.access import operations as access
from replenish.access.model import RequestKey
from replenish.audit import operations as audit
from replenish.audit.model import Actor, Change
from replenish.catalog import queries as catalog
from replenish.core import ids
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import AdjustmentId, LotId
from replenish.core.money import Credits, plain
from replenish.core.transaction import Tx, transaction
from replenish.customers import queries as customers
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.wallets import operations as wallets
from replenish.wallets.book import NewLot
from replenish.wallets.model import Adjustment, WalletRef

_CREATED: Final = 201


class NewAdjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Signed: a positive amount adds credits, a negative one takes them. `expires_at` is for added ones."""

    amount: Decimal
    reason: str
    actor: str
    expires_at: datetime | None = None


async def adjust_credits(
    db: Database,
    *,
    ref: WalletRef,
    new: NewAdjustment,
    request_key: RequestKey | None = None,
    operator: Actor | None = None,
) -> tuple[AdjustmentId, bool]:
    """Give or take credits. Returns the adjustment's id and whether this was a replay. `operator`: for the audit.

    Raises Invalid (amount 0, expiry on a taking one), InsufficientCredits, WalletFrozen.
    """
    if not new.amount:
        raise Invalid("amount", "must not be 0")
    if new.amount < 0 and new.expires_at is not None:
        raise Invalid("expires_at", "only added credits can expire")
    adjustment_id = ids.ADJUSTMENT.new()
    async with transaction(db) as tx:
        books = await wallets.open_books(tx, refs=[ref])
        book = books[ref]
        first = await access.claim_request_key(tx, request_key, made_id=adjustment_id, status=_CREATED)
        if first is not None:
            return AdjustmentId(first), True
        lot_id: LotId | None = None
        if new.amount > 0:
            lot_id = book.grant(
                NewLot(
                    amount=Credits(new.amount),
                    category="promotional",
                    source="adjustment",
                    source_id=adjustment_id,
                    name=new.reason,
                    expires_at=new.expires_at,
                )
            )
        else:
            book.take_adjustment(amount=Credits(-new.amount), adjustment_id=adjustment_id, note=new.reason)
        await wallets.save_books(tx, books=books.values())
        adjustment = Adjustment(
            customer_id=ref.customer_id,
            id=adjustment_id,
            workspace_id=ref.workspace_id,
            wallet_id=book.wallet.id,
            amount=new.amount,
            reason=new.reason,
            actor=new.actor,
            lot_id=lot_id,
            created_at=book.now,
        )
        await wallets.add_adjustment(tx, adjustment=adjustment)
        event = NewEvent(
            workspace_id=ref.workspace_id,
            customer_id=ref.customer_id,
            type="adjustment.created",
            object_type="adjustment",
            object_id=adjustment_id,
            data={"amount": plain(new.amount), "reason": new.reason, "balance": str(book.balance)},
        )
        await _record(tx, ref=ref, adjustment=adjustment, operator=operator)
        await notifications.emit(tx, [event])
        return adjustment_id, False


async def _record(tx: Tx, *, ref: WalletRef, adjustment: Adjustment, operator: Actor | None) -> None:
    if operator is None:
        return
    customer = await customers.customer(tx, workspace_id=ref.workspace_id, customer_id=ref.customer_id)
    units = await catalog.currencies_by_id(tx, workspace_id=ref.workspace_id, ids=[ref.currency_id])
    change = Change(
        action="credits.adjusted",
        object_type="customer",
        object_id=customer.id,
        object_name=customer.external_id,
        after={
            "amount": plain(adjustment.amount),
            "credit_currency": units[ref.currency_id].name,
            "reason": adjustment.reason,
        },
    )
    await audit.record(tx, workspace_id=ref.workspace_id, actor=operator, change=change)
