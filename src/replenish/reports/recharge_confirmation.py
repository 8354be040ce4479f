"""Where a customer confirms an automatic charge that their bank wants to hear about: recharge and payments together."""

from replenish.access import queries as workspaces
from replenish.core.db import Reads
from replenish.core.errors import Gone
from replenish.core.ids import RechargeAttemptId
from replenish.payments import queries as payments
from replenish.payments.model import PaymentRef
from replenish.recharge import queries as recharge


class NothingToConfirm(Gone):
    """The attempt has ended, one way or another."""

    code = "nothing_to_confirm"

    def __init__(self) -> None:
        super().__init__("This payment no longer needs to be confirmed.")


async def page_to_confirm(db: Reads, *, attempt_id: RechargeAttemptId) -> str:
    """The bank's page, for whoever holds a genuine link or the customer's session.

    Raises NotFound, NothingToConfirm when the attempt does not wait any more or its 24 hours are over.
    """
    attempt = await recharge.attempt_by_link(db, attempt_id=attempt_id)
    now = await workspaces.now(db, attempt.workspace_id)
    over = attempt.expires_at is None or attempt.expires_at <= now
    if attempt.state != "needs_customer" or attempt.payment_id is None or over:
        raise NothingToConfirm
    payment = await payments.payment_by_ref(db, ref=PaymentRef(attempt.customer_id, attempt.payment_id))
    if payment.page_url is None:
        raise NothingToConfirm
    return payment.page_url
