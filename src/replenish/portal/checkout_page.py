"""What the public checkout pages show. A stranger at the screen learns nothing about any customer (law 16).

Whoever types an e-mail address has proved nothing. Only a session for a customer whom the merchant vouched for
(`customer_known`) shows what they have, or offers to save a card.
"""

from typing import Final

import msgspec
from litestar import Response

from replenish.access import queries as access
from replenish.access.model import Workspace
from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid
from replenish.core.ids import CURRENCY, CurrencyId, CustomerId, WorkspaceId
from replenish.core.text import clean_url
from replenish.customers import queries as customers
from replenish.customers.model import Customer
from replenish.customers.vouchers import PARAMETER, customer_named
from replenish.flows import buy_credits
from replenish.payments.model import CheckoutSession
from replenish.portal.offers import Offer, offer_of, quantity_of
from replenish.topups.model import Quote
from replenish.web import pages
from replenish.web.context import Context
from replenish.web.csp import origin_of
from replenish.web.frames import CheckoutFrame
from replenish.web.pages import Flash, PageRequest

_FIELDS: Final = {"currency_id": "pay_in"}


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed on a checkout page."""

    quantity: str = "1"
    pay_in: str = ""
    email: str = ""
    save: str = ""
    redirect: str = ""
    cancel_url: str = ""
    # Whom the address names as the customer, by `customers.vouchers`.
    voucher: str = msgspec.field(default="", name=PARAMETER)


class Till(msgspec.Struct, frozen=True, kw_only=True):
    """One checkout: who sells what, to whom if that is known."""

    context: Context
    workspace: Workspace
    offer: Offer
    adjustable: bool
    # Whose balance may be shown; None for a stranger.
    known_customer: CustomerId | None = None
    # Whom the address itself names: they get the credits, whoever pays; nothing else of theirs is shown.
    paid_for: Customer | None = None

    @property
    def account(self) -> str | None:
        """Whose credits these will be, for a reader who may be anybody."""
        return None if self.paid_for is None else account_of(self.paid_for)

    def frame(self, back_url: str | None) -> CheckoutFrame:
        return CheckoutFrame(merchant=self.workspace.name, is_test=self.workspace.mode == "test", back_url=back_url)

    async def quote(self, quantity: int, currency_id: CurrencyId) -> Quote:
        return await buy_credits.quote_credits(
            db=self.context.db,
            workspace_id=self.workspace.id,
            price_id=self.offer.price.id,
            quantity=quantity,
            currency_id=currency_id,
            customer_id=self.known_customer,
        )


async def customer_paid_for(context: Context, workspace_id: WorkspaceId, voucher: str) -> Customer | None:
    """Whom an address names; None when it names nobody, or nobody of this workspace (law 16)."""
    customer_id = customer_named(voucher, secret_keys=context.settings.master_keys)
    if customer_id is None:
        return None
    return (await customers.customers_by_id(context.db, workspace_id=workspace_id, ids=[customer_id])).get(customer_id)


def account_of(customer: Customer) -> str:
    """A name, or so much of an address that its owner knows it again and nobody else learns it."""
    for told in (customer.name, customer.email, customer.external_id):
        if told:
            start, at, site = told.partition("@")
            return f"{start[:1]}···@{site}" if at else told
    return ""


async def till_of_session(context: Context, session: CheckoutSession, *, voucher: str = "") -> Till:
    """Raises Invalid(price_id) for a session that buys nothing.

    A session keeps whom it is for, yet not how they were named: an address that a stranger typed must not be answered with
    a name, so only the voucher that the session was opened with brings it back.
    """
    if session.price_id is None:
        raise Invalid("price_id", "this checkout buys nothing")
    paid_for = await customer_paid_for(context, session.workspace_id, voucher)
    return Till(
        context=context,
        workspace=await access.workspace(context.db, workspace_id=session.workspace_id),
        offer=await offer_of(context.db, workspace_id=session.workspace_id, price_id=session.price_id),
        adjustable=session.quantity_adjustable,
        known_customer=session.customer_id if session.customer_known else None,
        paid_for=paid_for if paid_for is not None and paid_for.id == session.customer_id else None,
    )


async def link_of_session(context: Context, session: CheckoutSession) -> str | None:
    """Where the same can be bought again: the payment link it came from."""
    if session.payment_link_id is None:
        return None
    link = await catalog.link(context.db, workspace_id=session.workspace_id, link_id=session.payment_link_id)
    return f"/checkout/pay/{link.slug}" if link.active else None


def named(wrong: Invalid) -> dict[str, str]:
    return {_FIELDS.get(wrong.field, wrong.field): wrong.detail}


def outside(url: str) -> str | None:
    """An address that came with the page's own: kept only if it is a plain http(s) one. Never gone to by itself."""
    if not url:
        return None
    try:
        return clean_url(url, field="redirect")
    except Invalid:
        return None


def site_of(url: str) -> str:
    """What a customer is told about where a link leads: its host, whatever the link says about itself."""
    return origin_of(url).partition("://")[2]


async def till_page(
    request: PageRequest,
    till: Till,
    ordered: Ordered,
    *,
    action: str,
    asks_email: bool,
    status: int = 200,
    errors: dict[str, str] | None = None,
    flash: Flash | None = None,
    back_url: str | None = None,
    portal_href: str | None = None,
) -> Response[str]:
    """Choose, see the exact price, pay; what cannot be bought has no "Pay" button."""
    found = dict(errors or {})
    option, quote = till.offer.price.base, None
    try:
        option = till.offer.option(ordered.pay_in)
        quote = await till.quote(quantity_of(ordered.quantity), option.currency_id)
    except Invalid as wrong:
        found = {**named(wrong), **found}
        status = 422 if status == 200 else status
    return pages.page(
        request,
        "portal/checkout.html",
        status=status,
        fragment="paying",
        zone=till.workspace.time_zone,
        flash=flash,
        frame=till.frame(back_url),
        till=till,
        offer=till.offer,
        ordered=ordered,
        action=action,
        asks_email=asks_email,
        pay_in=CURRENCY.text(option.currency_id),
        quote=quote,
        errors=found,
        known=till.known_customer is not None,
        portal_href=portal_href,
    )
