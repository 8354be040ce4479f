"""The link of an e-mail: a bank wants its card holder before an automatic charge. No session is needed, and none is given.

Whoever holds the link sees the amount and the merchant of this one payment, and may go on to the bank's page; nothing else.
"""

from http import HTTPStatus

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from replenish.access import queries as access
from replenish.access.model import Workspace
from replenish.core.errors import NotFound
from replenish.core.ids import RECHARGE_ATTEMPT
from replenish.core.money import Money
from replenish.flows.reconcile_payments import carry_on
from replenish.payments.model import Payment, PaymentRef
from replenish.payments.next_step import Visit as VisitPage
from replenish.payments.next_step import next_step
from replenish.recharge import queries as recharge
from replenish.recharge.links import is_genuine
from replenish.web.context import context_of
from replenish.web.pages import PageRequest, leave, page


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the link is about. `payment` is None when nothing waits any more."""

    workspace: Workspace
    money: Money | None
    payment: Payment | None


async def _asked(request: PageRequest, attempt_text: str, signature: str) -> Asked:
    """Raises NotFound for a link that we did not make, or that is about nothing."""
    context = context_of(request)
    attempt_id = RECHARGE_ATTEMPT.try_parse(attempt_text)
    if attempt_id is None or not is_genuine(attempt_id, signature, secret_key=context.settings.secret_key):
        raise NotFound("page")
    attempt = await recharge.attempt_by_link(context.db, attempt_id=attempt_id)
    workspace = await access.workspace(context.db, workspace_id=attempt.workspace_id)
    if attempt.state != "needs_customer" or attempt.payment_id is None:
        return Asked(workspace=workspace, money=None, payment=None)
    ref = PaymentRef(attempt.customer_id, attempt.payment_id)
    payment = await carry_on(db=context.db, providers=context.providers, ref=ref)
    waits = isinstance(next_step(payment), VisitPage)
    return Asked(workspace=workspace, money=payment.money, payment=payment if waits else None)


@get("/confirm/{attempt_id:str}/{signature:str}")
async def confirm_page(request: PageRequest, attempt_id: FromPath[str], signature: FromPath[str]) -> Response[str]:
    asked = await _asked(request, attempt_id, signature)
    status = HTTPStatus.OK if asked.payment is not None else HTTPStatus.GONE
    return page(request, "portal/confirm.html", status=status, zone=asked.workspace.time_zone, asked=asked)


@post("/confirm/{attempt_id:str}/{signature:str}", status_code=200)
async def confirm(request: PageRequest, attempt_id: FromPath[str], signature: FromPath[str]) -> Response[str]:
    asked = await _asked(request, attempt_id, signature)
    step = None if asked.payment is None else next_step(asked.payment)
    if isinstance(step, VisitPage):
        return leave(request, step.url)
    return page(request, "portal/confirm.html", status=HTTPStatus.GONE, zone=asked.workspace.time_zone, asked=asked)
