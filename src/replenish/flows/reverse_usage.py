"""Take a usage event back: its recorded allocation returns, last burned first (laws 3, 5)."""

from typing import Final

from replenish.access import operations as access
from replenish.access.model import RequestKey
from replenish.core import ids
from replenish.core.db import Database
from replenish.core.errors import Conflict, NotFound
from replenish.core.ids import UsageEventId, UsageReversalId, WorkspaceId
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.transaction import transaction
from replenish.notifications import operations as notifications
from replenish.notifications.model import NewEvent
from replenish.usage import operations as usage
from replenish.usage import queries as usage_queries
from replenish.usage.model import UsageReversal
from replenish.wallets import operations as wallets
from replenish.wallets import queries as wallet_queries
from replenish.wallets.model import Allocation

_CREATED: Final = 201


class EventReversed(Conflict):
    code = "event_reversed"

    def __init__(self) -> None:
        super().__init__("This usage event was reversed already; an event is reversed at most once.")


async def reverse_usage(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    event_id: UsageEventId,
    reason: str,
    request_key: RequestKey | None = None,
) -> tuple[UsageReversalId, bool]:
    """Reverse one event. Returns the reversal's id and whether this was a replay. Raises NotFound, EventReversed."""
    event = await usage_queries.event(db, workspace_id=workspace_id, event_id=event_id)
    if event is None:
        raise NotFound("usage event")
    ref = await wallet_queries.ref_of(db, customer_id=event.customer_id, wallet_id=event.wallet_id)
    reversal_id = ids.USAGE_REVERSAL.new()
    async with transaction(db) as tx:
        books = await wallets.open_books(tx, refs=[ref])
        book = books[ref]
        first = await access.claim_request_key(tx, request_key, made_id=reversal_id, status=_CREATED)
        if first is not None:
            return UsageReversalId(first), True
        if await usage.reversal_of(tx, customer_id=event.customer_id, event_id=event.id) is not None:
            raise EventReversed
        item = await wallets.load_owed_item(tx, book, cause_id=event.id)
        repayments = await wallets.repayments_of(tx, book, item=item) if item else []
        lot_ids = {*event.lot_ids, *(transfer.lot_id for transfer in repayments if transfer.lot_id is not None)}
        await wallets.load_lots(tx, book, lot_ids=sorted(lot_ids))
        book.reverse_usage(
            reversal_id=reversal_id,
            allocations=[
                Allocation(lot_id, Credits(amount))
                for lot_id, amount in zip(event.lot_ids, event.lot_amounts, strict=True)
            ],
            owed_item=item,
            repayments=repayments,
            carried=event.carried,
            debit=event.debit,
            counter_ids=event.counter_ids,
            note=reason,
        )
        await wallets.save_books(tx, books=books.values())
        forgiven = event.owed if item else NO_CREDITS
        reversal = UsageReversal(
            customer_id=event.customer_id,
            id=reversal_id,
            workspace_id=workspace_id,
            wallet_id=event.wallet_id,
            event_id=event.id,
            returned=event.debit - forgiven,
            forgiven=forgiven,
            reason=reason,
            created_at=book.now,
        )
        await usage.remember_reversal(tx, event=event, reversal=reversal)
        told = NewEvent(
            workspace_id=workspace_id,
            customer_id=event.customer_id,
            type="usage_event.reversed",
            object_type="usage_event",
            object_id=event.id,
            data={"usage_event": ids.USAGE_EVENT.text(event.id), "debit": str(event.debit), "reason": reason},
        )
        await notifications.emit(tx, [told])
        return reversal_id, False
