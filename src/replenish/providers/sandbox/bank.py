"""The pretend bank behind the sandbox: charges, pages, refunds and events, in its own books and on its own pool.

It has its own transactions on purpose: what a bank has done stays done when our process dies in the middle of anything.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from asyncpg import Record
from asyncpg.pool import Pool

from replenish.core.money import plain
from replenish.core.rows import value
from replenish.providers.sandbox import store
from replenish.providers.sandbox.cards import Asks, Card, Pays, Refuses, Vanishes, Waits, Weather, forecast
from replenish.providers.sandbox.store import Connection, Intent, Method, Setup

AUTHENTICATION_LASTS: Final = timedelta(hours=24)


class BankRefused(Exception):  # noqa: N818 - the bank's answer to a request that makes no sense, as an HTTP 4xx would be
    """A request that the bank will never carry out. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NewIntent(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge is made of. The first group says what it is: another call with its key must agree on it."""

    account: str
    key: str
    customer: str
    method_id: str | None
    amount: Decimal
    currency: str
    save_method: bool

    merchant: str
    description: str
    customer_present: bool
    return_url: str
    cancel_url: str
    page_expires_at: datetime | None = None


class NewSetup(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    key: str
    customer: str
    merchant: str
    return_url: str
    cancel_url: str
    page_expires_at: datetime


class PageFound(msgspec.Struct, frozen=True, kw_only=True):
    """A page and what it is for: paying, authenticating a charge, or saving a card. One of the two is set."""

    intent: Intent | None = None
    setup: Setup | None = None


class Bank:
    """`settle_seconds`: how long a late payment takes."""

    def __init__(self, pool: "Pool[Record]", *, settle_seconds: float = 10) -> None:
        self._pool = pool
        self._settle_after = timedelta(seconds=settle_seconds)

    # ── charges ──

    async def open_intent(self, new: NewIntent) -> Intent:
        """Make a charge, or find the one that this key has made. Moves nothing."""
        hosted = new.method_id is None
        request = _digest(new.account, new.customer, new.method_id, plain(new.amount), new.currency, new.save_method)
        async with self._pool.acquire() as connection, connection.transaction():
            if new.method_id is not None:
                method = await store.find_method(connection, account=new.account, method_id=new.method_id)
                if method is None or method.customer != new.customer:
                    raise BankRefused("no_such_method", "There is no such saved card for this customer.")
            values: dict[str, object] = {
                "id": _make_id("sbi"),
                "account": new.account,
                "key": new.key,
                "request": request,
                "hosted": hosted,
                "customer": new.customer,
                "method_id": new.method_id,
                "amount": new.amount,
                "currency": new.currency,
                "merchant": new.merchant,
                "description": new.description,
                "customer_present": new.customer_present,
                "save_method": new.save_method,
                "return_url": new.return_url,
                "cancel_url": new.cancel_url,
                "state": "created",
                "token": _make_token(),
                "page_expires_at": new.page_expires_at or await _bank_now(connection) + AUTHENTICATION_LASTS,
            }
            await store.insert_intent(connection, values)
            intent = await store.intent_by_key(connection, account=new.account, key=new.key)
            if intent is None or intent.request != request:
                raise BankRefused("idempotency_mismatch", "This key was used for another charge.")
            return intent

    async def submit(self, *, account: str, intent_id: str) -> tuple[Intent, bool]:
        """Charge the saved method, once. Returns what stands, and whether the answer reaches the caller."""
        async with self._pool.acquire() as connection, connection.transaction():
            intent = await self._locked(connection, account=account, intent_id=intent_id)
            if intent.state != "created" or intent.hosted or intent.method_id is None:
                return intent, True
            method = await store.find_method(connection, account=account, method_id=intent.method_id)
            answered = await self._attempt(connection, intent, _existing(method), authenticated=False)
            return await self._locked(connection, account=account, intent_id=intent_id), answered

    async def intent(self, *, account: str, intent_id: str) -> Intent:
        async with self._pool.acquire() as connection, connection.transaction():
            return await self._locked(connection, account=account, intent_id=intent_id)

    async def cancel(self, *, account: str, intent_id: str) -> Intent:
        """End a charge that nobody has paid; one that is paid, or being paid, stays as it is."""
        async with self._pool.acquire() as connection, connection.transaction():
            intent = await self._locked(connection, account=account, intent_id=intent_id)
            if intent.state in {"created", "authenticating"}:
                await self._cancel(connection, intent, "closed")
            return await self._locked(connection, account=account, intent_id=intent_id)

    async def method(self, *, account: str, method_id: str) -> Method:
        async with self._pool.acquire() as connection:
            return _existing(await store.find_method(connection, account=account, method_id=method_id))

    async def detach(self, *, account: str, method_id: str) -> None:
        async with self._pool.acquire() as connection:
            await store.detach_method(connection, account=account, method_id=method_id)

    async def refund(self, *, account: str, key: str, intent_id: str, amount: Decimal) -> str:
        """Give money back; returns the refund's id. The same key gives it back once."""
        async with self._pool.acquire() as connection, connection.transaction():
            intent = await self._locked(connection, account=account, intent_id=intent_id)
            earlier = await store.refund_by_key(connection, account=account, key=key)
            if earlier is not None:
                if earlier[1:] != (intent_id, amount):
                    raise BankRefused("idempotency_mismatch", "This key was used for another refund.")
                return earlier[0]
            if intent.state != "succeeded":
                raise BankRefused("not_paid", "Only a settled payment can be refunded.")
            if amount <= 0 or amount > intent.amount - intent.refunded:
                raise BankRefused("refund_too_large", "More than what is left of this payment cannot be refunded.")
            refund_id = _make_id("sbr")
            await store.insert_refund(
                connection, refund_id=refund_id, account=account, key=key, intent_id=intent_id, amount=amount
            )
            return refund_id

    # ── saving a card ──

    async def open_setup(self, new: NewSetup) -> Setup:
        request = _digest(new.account, new.customer)
        async with self._pool.acquire() as connection, connection.transaction():
            values: dict[str, object] = {
                "id": _make_id("sbs"),
                "account": new.account,
                "key": new.key,
                "request": request,
                "customer": new.customer,
                "merchant": new.merchant,
                "return_url": new.return_url,
                "cancel_url": new.cancel_url,
                "state": "open",
                "token": _make_token(),
                "page_expires_at": new.page_expires_at,
            }
            await store.insert_setup(connection, values)
            setup = await store.setup_by_key(connection, account=new.account, key=new.key)
            if setup is None or setup.request != request:
                raise BankRefused("idempotency_mismatch", "This key was used for another page.")
            return setup

    async def setup(self, *, account: str, setup_id: str) -> Setup:
        async with self._pool.acquire() as connection:
            setup = await store.find_setup(connection, account=account, setup_id=setup_id)
            if setup is None:
                raise BankRefused("no_such_object", "There is no such page.")
            return setup

    # ── what the pages do ──

    async def page(self, token: str) -> PageFound | None:
        """What the page with this token is for, in its present state."""
        async with self._pool.acquire() as connection, connection.transaction():
            intent = await store.lock_intent_by_token(connection, token)
            if intent is not None:
                return PageFound(intent=await self._locked(connection, account=intent.account, intent_id=intent.id))
            setup = await store.lock_setup_by_token(connection, token)
            return PageFound(setup=setup) if setup is not None else None

    async def pay_page(self, *, token: str, card: Card) -> tuple[Intent, bool]:
        """A card was typed in on a payment page. Returns what stands, and whether the bank could be reached."""
        async with self._pool.acquire() as connection, connection.transaction():
            intent = await self._locked_page(connection, token)
            if intent.state != "created" or not intent.hosted:
                return intent, True
            method_id = _make_id("sbm")
            await store.insert_method(
                connection,
                method_id=method_id,
                account=intent.account,
                customer=intent.customer,
                card=card,
                saved=False,
            )
            await store.change_intent(connection, intent.id, {"method_id": method_id, "decline_code": None})
            method = await store.find_method(connection, account=intent.account, method_id=method_id)
            before = await self._locked_page(connection, token)
            await self._attempt(connection, before, _existing(method), authenticated=False)
            after = await self._locked_page(connection, token)
            reached = after.state != "created" or after.decline_code is not None
            return after, reached

    async def authenticate(self, *, token: str, approved: bool) -> Intent:
        """The card holder's answer on the authentication page."""
        async with self._pool.acquire() as connection, connection.transaction():
            intent = await self._locked_page(connection, token)
            if intent.state != "authenticating" or intent.method_id is None:
                return intent
            method = await store.find_method(connection, account=intent.account, method_id=intent.method_id)
            if approved:
                await self._attempt(connection, intent, _existing(method), authenticated=True)
            else:
                await self._decline(connection, intent, "authentication_failed")
            return await self._locked_page(connection, token)

    async def save_card(self, *, token: str, card: Card) -> Setup:
        """A card was typed in on a save-a-card page."""
        async with self._pool.acquire() as connection, connection.transaction():
            setup = await store.lock_setup_by_token(connection, token)
            if setup is None:
                raise BankRefused("no_such_object", "There is no such page.")
            if setup.state != "open" or setup.page_expires_at <= setup.now_at:
                return setup
            method_id = _make_id("sbm")
            await store.insert_method(
                connection, method_id=method_id, account=setup.account, customer=setup.customer, card=card, saved=True
            )
            await store.finish_setup(connection, setup.id, state="complete", method_id=method_id)
            await _tell(connection, account=setup.account, object_id=setup.id, kind="method_page.completed")
            return msgspec.structs.replace(setup, state="complete", method_id=method_id)

    async def settle_due(self, *, limit: int = 100) -> int:
        """Settle or decline the late payments whose time has come; returns how many."""
        async with self._pool.acquire() as connection, connection.transaction():
            intents = await store.lock_due_intents(connection, limit=limit)
            for intent in intents:
                await self._let_time_pass(connection, intent)
            return len(intents)

    async def advance_late_payments(self) -> None:
        """Let the waiting time of every late payment be over: for whoever would rather not wait."""
        async with self._pool.acquire() as connection:
            await store.end_waiting(connection)

    # ── the state machine; each needs the intent's row locked ──

    async def _locked(self, connection: Connection, *, account: str, intent_id: str) -> Intent:
        intent = await store.lock_intent(connection, account=account, intent_id=intent_id)
        if intent is None:
            raise BankRefused("no_such_object", "There is no such payment.")
        if await self._let_time_pass(connection, intent):
            return await self._locked(connection, account=account, intent_id=intent_id)
        return intent

    async def _locked_page(self, connection: Connection, token: str) -> Intent:
        intent = await store.lock_intent_by_token(connection, token)
        if intent is None:
            raise BankRefused("no_such_object", "There is no such page.")
        return await self._locked(connection, account=intent.account, intent_id=intent.id)

    async def _let_time_pass(self, connection: Connection, intent: Intent) -> bool:
        """Book what fell due by itself; True when something changed."""
        if intent.state == "processing" and intent.settles_at is not None and intent.settles_at <= intent.now_at:
            if intent.method_id is None:
                raise RuntimeError(f"{intent.id} is being paid by nothing")
            method = _existing(await store.find_method(connection, account=intent.account, method_id=intent.method_id))
            if method.weather == Weather.DECLINES_LATE:
                await store.change_intent(connection, intent.id, {"state": "declined", "decline_code": "card_declined"})
                await _tell(connection, account=intent.account, object_id=intent.id, kind="payment.declined")
            else:
                await self._settle(connection, intent)
            return True
        waits = intent.state == "authenticating" or (intent.state == "created" and intent.hosted)
        if waits and intent.page_expires_at <= intent.now_at:
            await self._cancel(connection, intent, "expired")
            return True
        return False

    async def _attempt(self, connection: Connection, intent: Intent, method: Method, *, authenticated: bool) -> bool:
        """One try at moving the money; returns whether the answer reaches the caller."""
        await store.change_intent(connection, intent.id, {"submits": intent.submits + 1})
        if method.detached_at is not None:
            await self._decline(connection, intent, "method_detached")
            return True
        if (method.expires_year, method.expires_month) < (intent.now_at.year, intent.now_at.month):
            await self._decline(connection, intent, "expired_card")
            return True
        answer = forecast(
            Weather(method.weather),
            customer_present=intent.customer_present,
            authenticated=authenticated,
            charges=method.charges,
            submits=intent.submits,
        )
        match answer:
            case Pays(reply_lost=lost):
                await self._settle(connection, intent)
                return not lost
            case Refuses(decline=decline):
                await self._decline(connection, intent, decline.code)
                return True
            case Asks():
                await store.change_intent(connection, intent.id, {"state": "authenticating"})
                return True
            case Waits():
                settles_at = intent.now_at + self._settle_after
                await store.change_intent(connection, intent.id, {"state": "processing", "settles_at": settles_at})
                return True
            case Vanishes():
                return False

    async def _settle(self, connection: Connection, intent: Intent) -> None:
        await store.change_intent(connection, intent.id, {"state": "succeeded", "settled_at": intent.now_at})
        if intent.method_id is not None:
            await store.count_charge(connection, intent.method_id, saved=intent.save_method)
        await _tell(connection, account=intent.account, object_id=intent.id, kind="payment.settled")

    async def _decline(self, connection: Connection, intent: Intent, code: str) -> None:
        # On a hosted page a decline ends nothing: the customer may try another card.
        state = "created" if intent.hosted else "declined"
        await store.change_intent(connection, intent.id, {"state": state, "decline_code": code})
        if not intent.hosted:
            await _tell(connection, account=intent.account, object_id=intent.id, kind="payment.declined")

    async def _cancel(self, connection: Connection, intent: Intent, reason: str) -> None:
        await store.change_intent(connection, intent.id, {"state": "cancelled", "cancel_reason": reason})
        await _tell(connection, account=intent.account, object_id=intent.id, kind="payment.cancelled")


def _existing(method: Method | None) -> Method:
    if method is None:
        raise BankRefused("no_such_method", "There is no such saved card.")
    return method


async def _tell(connection: Connection, *, account: str, object_id: str, kind: str) -> None:
    """Store the event with what it tells of; the pump delivers it."""
    await store.insert_event(connection, event_id=_make_id("sbe"), account=account, object_id=object_id, kind=kind)


async def _bank_now(connection: Connection) -> datetime:
    row = await connection.fetchrow("select now() as now_at")
    if row is None:
        raise RuntimeError("the bank has no clock")
    return value(row, "now_at", datetime)


def _make_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def _make_token() -> str:
    return secrets.token_urlsafe(32)


def _digest(*fields: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode([str(field) for field in fields])).digest()
