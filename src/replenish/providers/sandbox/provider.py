"""The sandbox as a provider: the bank's replies in our words."""

from collections.abc import Mapping
from typing import Literal

from replenish.core.ids import CUSTOMER, PAYMENT, WORKSPACE, CustomerId, WorkspaceId
from replenish.payments.provider import (
    Cancelled,
    Charge,
    Checkout,
    Confirming,
    Declined,
    EventIgnored,
    EventRejected,
    MethodDetails,
    MethodPage,
    MethodSaved,
    NeedsCustomer,
    NotSubmitted,
    Outcome,
    OutsideEvent,
    PageOpened,
    Prepared,
    Refund,
    Refunded,
    RefundRefused,
    Settled,
    Standing,
    Unknown,
)
from replenish.providers.sandbox import events
from replenish.providers.sandbox.bank import BankRefused, NewIntent, NewSetup
from replenish.providers.sandbox.cards import DECLINES
from replenish.providers.sandbox.client import NoReply, SandboxClient
from replenish.providers.sandbox.store import Intent, Method

PAGES_AT = "/providers/sandbox"


class SandboxProvider:
    """Has every capability. `secret` signs its messages; empty = every message is rejected.

    `allow_live`: live workspaces may use it. True under `replenish dev` only, or anyone could pay a real shop with a
    test card.
    """

    def __init__(self, *, client: SandboxClient, base_url: str, secret: str, allow_live: bool) -> None:
        self._client = client
        self._base_url = base_url
        self._secret = secret
        self._allow_live = allow_live

    @property
    def name(self) -> str:
        return "sandbox"

    async def account_of(self, *, workspace_id: WorkspaceId, mode: Literal["live", "test"]) -> str | None:
        return WORKSPACE.text(workspace_id) if mode == "test" or self._allow_live else None

    def takes(self, currency: str) -> bool:
        """Pretend money has every currency."""
        return bool(currency)

    async def look_up_payment(self, *, account: str, outside_id: str) -> Standing:
        try:
            return await self._standing(await self._client.intent(account=account, intent_id=outside_id))
        except (NoReply, BankRefused) as failed:
            return Unknown(str(failed))

    async def close_payment(self, *, account: str, outside_id: str) -> Standing:
        try:
            return await self._standing(await self._client.cancel(account=account, intent_id=outside_id))
        except (NoReply, BankRefused) as failed:
            return Unknown(str(failed))

    async def prepare_charge(self, charge: Charge) -> Prepared | Declined | Unknown:
        new = NewIntent(
            account=charge.account,
            key=PAYMENT.text(charge.payment_id),
            customer=_outside_customer(charge.customer_id),
            method_id=charge.method_outside_id,
            amount=charge.amount.amount,
            currency=charge.amount.currency,
            save_method=False,
            merchant=charge.merchant_name,
            description=charge.description,
            customer_present=charge.customer_present,
            return_url=charge.return_url,
            cancel_url=charge.return_url,
        )
        try:
            return Prepared((await self._client.open_intent(new)).id)
        except NoReply as lost:
            return Unknown(str(lost))
        except BankRefused as refused:
            return _refused(refused)

    async def submit_charge(self, *, account: str, outside_id: str) -> Outcome:
        try:
            standing = await self._standing(await self._client.submit(account=account, intent_id=outside_id))
        except NoReply as lost:
            return Unknown(str(lost))
        except BankRefused as refused:
            return _refused(refused)
        return (
            Unknown("the sandbox took the charge and did nothing") if isinstance(standing, NotSubmitted) else standing
        )

    async def open_checkout(self, checkout: Checkout) -> PageOpened | Declined | Unknown:
        new = NewIntent(
            account=checkout.account,
            key=PAYMENT.text(checkout.payment_id),
            customer=_outside_customer(checkout.customer_id),
            method_id=None,
            amount=checkout.amount.amount,
            currency=checkout.amount.currency,
            save_method=checkout.save_method,
            merchant=checkout.merchant_name,
            description=checkout.description,
            customer_present=True,
            return_url=checkout.return_url,
            cancel_url=checkout.cancel_url,
            page_expires_at=checkout.expires_at,
        )
        try:
            intent = await self._client.open_intent(new)
        except NoReply as lost:
            return Unknown(str(lost))
        except BankRefused as refused:
            return _refused(refused)
        return PageOpened(outside_id=intent.id, url=self._page(intent.token), expires_at=intent.page_expires_at)

    async def open_method_page(self, page: MethodPage) -> PageOpened | Declined | Unknown:
        new = NewSetup(
            account=page.account,
            key=str(page.session_id),
            customer=_outside_customer(page.customer_id),
            merchant=page.merchant_name,
            return_url=page.return_url,
            cancel_url=page.cancel_url,
            page_expires_at=page.expires_at,
        )
        try:
            setup = await self._client.open_setup(new)
        except NoReply as lost:
            return Unknown(str(lost))
        except BankRefused as refused:
            return _refused(refused)
        return PageOpened(outside_id=setup.id, url=self._page(setup.token), expires_at=setup.page_expires_at)

    async def look_up_method_page(
        self, *, account: str, outside_id: str
    ) -> MethodSaved | NeedsCustomer | Cancelled | Unknown:
        try:
            setup = await self._client.setup(account=account, setup_id=outside_id)
            if setup.state == "complete" and setup.method_id is not None:
                return MethodSaved(_details(await self._client.method(account=account, method_id=setup.method_id)))
        except (NoReply, BankRefused) as failed:
            return Unknown(str(failed))
        if setup.page_expires_at <= setup.now_at:
            return Cancelled("expired")
        return NeedsCustomer(url=self._page(setup.token), expires_at=setup.page_expires_at)

    async def detach_method(self, *, account: str, outside_id: str) -> Unknown | None:
        try:
            return await self._client.detach(account=account, method_id=outside_id)
        except NoReply as lost:
            return Unknown(str(lost))

    async def refund_payment(self, refund: Refund) -> Refunded | RefundRefused | Unknown:
        try:
            refund_id = await self._client.refund(
                account=refund.account, key=refund.key, intent_id=refund.outside_id, amount=refund.amount.amount
            )
        except NoReply as lost:
            return Unknown(str(lost))
        except BankRefused as refused:
            return RefundRefused(code=refused.code, message=refused.message)
        return Refunded(refund_id)

    async def read_event(
        self, *, account: str, headers: Mapping[str, str], body: bytes
    ) -> OutsideEvent | EventIgnored | EventRejected:
        return events.read(secret=self._secret, account=account, headers=headers, body=body)

    def _page(self, token: str) -> str:
        return f"{self._base_url}{PAGES_AT}/{token}"

    async def _standing(self, intent: Intent) -> Standing:
        match intent.state:
            case "succeeded":
                method = (
                    _details(await self._client.method(account=intent.account, method_id=intent.method_id))
                    if intent.method_id is not None and (intent.save_method or not intent.hosted)
                    else None
                )
                return Settled(outside_id=intent.id, method=method)
            case "declined":
                decline = DECLINES[intent.decline_code or "card_declined"]
                return Declined(
                    code=decline.code,
                    message=decline.message,
                    permanent=decline.permanent,
                    insufficient_funds=decline.insufficient_funds,
                )
            case "cancelled":
                return Cancelled("expired" if intent.cancel_reason == "expired" else "closed")
            case "processing":
                return Confirming()
            case "created" if not intent.hosted:
                return NotSubmitted()
            case "created" | "authenticating":
                return NeedsCustomer(url=self._page(intent.token), expires_at=intent.page_expires_at)
            case _:
                return Unknown(f"the sandbox says {intent.state!r}")


def _refused(refused: BankRefused) -> Declined:
    if refused.code == "idempotency_mismatch":
        raise ValueError(refused.message)
    return Declined(code=refused.code, message=refused.message, permanent=True)


def _outside_customer(customer_id: CustomerId) -> str:
    return CUSTOMER.text(customer_id)


def _details(method: Method) -> MethodDetails:
    return MethodDetails(
        outside_id=method.id,
        outside_customer_id=method.customer,
        kind="card",
        brand=method.brand,
        last4=method.last4,
        expires_month=method.expires_month,
        expires_year=method.expires_year,
        fingerprint=method.fingerprint,
    )
