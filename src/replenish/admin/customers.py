"""Customers: found by id, external id or e-mail; one customer's page; credits adjusted, customers frozen, recurring grants paused."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Final
from uuid import uuid4

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from replenish.access.model import RequestKey
from replenish.admin.customer_page import Sheet, sheet_of
from replenish.admin.forms import Sent, amount_of, path_id, text_of
from replenish.admin.overview import buyer
from replenish.admin.visitor import Visit, visit_of, writer_of
from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency
from replenish.core.errors import Conflict, Forbidden, Invalid, NotFound, PaymentRequired, Refusal, Unavailable
from replenish.core.ids import CURRENCY, CUSTOMER, GRANT_SCHEDULE
from replenish.core.money import parse_decimal
from replenish.core.text import clean_text
from replenish.customers import queries
from replenish.customers.model import Customer
from replenish.flows.adjust_credits import NewAdjustment, adjust_credits
from replenish.flows.manage_customers import freeze_customer
from replenish.flows.manage_grant_schedules import pause_schedule, resume_schedule
from replenish.schedules import queries as schedules
from replenish.wallets.model import WalletRef
from replenish.web.pages import Flash, PageRequest, redirect

_PAGE: Final = 50
_CURRENCIES_MAX: Final = 500
_REASON_LONGEST: Final = 500
_LABELS: Final = {"currency": "Credits of", "direction": "What to do", "amount": "Amount", "reason": "Reason"}


@get("/customers")
async def customers(request: PageRequest, q: FromQuery[str] = "", before: FromQuery[str] = "") -> Response[str]:
    visit = await visit_of(request)
    wanted = q.strip()
    last = path_id(CUSTOMER, before, "customer") if before else None
    if wanted:
        found = await _find(visit, wanted)
    else:
        found = await queries.customers(visit.db, workspace_id=visit.workspace_id, before=last, limit=_PAGE + 1)
    shown = found[:_PAGE]
    more = not wanted and len(found) > _PAGE
    return visit.page(
        request,
        "admin/customers.html",
        section="customers",
        q=wanted,
        rows=[(one, buyer(one, one.id)) for one in shown],
        next_href=f"/admin/customers?before={CUSTOMER.text(shown[-1].id)}" if more else None,
        first_href="/admin/customers" if before else None,
    )


async def _find(visit: Visit, wanted: str) -> list[Customer]:
    """By id, external id or e-mail, each exactly."""
    if not wanted.isprintable():
        return []
    found: dict[object, Customer] = {}
    try:
        first = await queries.find_customer(visit.db, workspace_id=visit.workspace_id, key=wanted)
        found[first.id] = first
    except NotFound:
        pass
    for one in await queries.customers(visit.db, workspace_id=visit.workspace_id, email=wanted, limit=_PAGE):
        found.setdefault(one.id, one)
    return list(found.values())


@get("/customers/{customer:str}")
async def show_customer(request: PageRequest, customer: FromPath[str], cursor: FromQuery[str] = "") -> Response[str]:
    visit = await visit_of(request)
    return await _page(request, visit, await _customer(visit, customer), cursor=cursor)


@post("/customers/{customer:str}/adjust", status_code=200)
async def adjust(request: PageRequest, customer: FromPath[str], data: Sent) -> Response[str]:
    """Give or take credits, with a reason. The form's own key makes a second click the same adjustment."""
    visit = await writer_of(request)
    found = await _customer(visit, customer)
    try:
        currency, new = await _adjustment(visit, data)
        await adjust_credits(
            visit.db,
            ref=WalletRef(visit.workspace_id, found.id, currency.id),
            new=new,
            request_key=_request_key(visit, found, data),
            operator=visit.actor,
        )
    except Invalid as wrong:
        return await _page(request, visit, found, sent=data, errors={wrong.field: wrong.detail})
    except PaymentRequired as refused:
        return await _page(request, visit, found, sent=data, errors={"amount": refused.detail})
    except (Conflict, Forbidden) as refused:
        return await _page(request, visit, found, sent=data, refused=refused)
    says = f"{abs(new.amount):f} {currency.name} {'given' if new.amount > 0 else 'taken'}."
    return redirect(request, _href(found), flash=Flash("success", says))


async def _adjustment(visit: Visit, sent: Mapping[str, str]) -> tuple[PaymentCurrency, NewAdjustment]:
    currency_id = CURRENCY.try_parse(text_of(sent, "currency"))
    known = {one.id: one for one in await _credit_currencies(visit)}
    if currency_id is None or currency_id not in known:
        raise Invalid("currency", "choose one of them")
    direction = text_of(sent, "direction")
    if direction not in {"give", "take"}:
        raise Invalid("direction", "choose one of the two")
    currency = known[currency_id]
    amount = parse_decimal(amount_of(sent, "amount"), field="amount", decimals=currency.decimals, minimum=Decimal(0))
    reason = clean_text(text_of(sent, "reason"), field="reason", longest=_REASON_LONGEST, shortest=1)
    signed = amount if direction == "give" else -amount
    return currency, NewAdjustment(amount=signed, reason=reason, actor=visit.operator.email)


def _request_key(visit: Visit, customer: Customer, sent: Mapping[str, str]) -> RequestKey:
    names = ("currency", "direction", "amount", "reason")
    asked = "\0".join([CUSTOMER.text(customer.id), *(text_of(sent, name) for name in names)])
    form_key = hashlib.sha256(text_of(sent, "form_key").encode(errors="surrogatepass")).hexdigest()
    return RequestKey(
        workspace_id=visit.workspace_id,
        key=f"admin-{form_key}",
        fingerprint=hashlib.sha256(asked.encode(errors="surrogatepass")).digest(),
    )


@post("/customers/{customer:str}/freeze", status_code=200)
async def freeze(request: PageRequest, customer: FromPath[str], data: Sent) -> Response[str]:
    """A frozen customer keeps their credits and can neither spend nor buy. With `unfreeze`: they can again."""
    visit = await writer_of(request)
    found = await _customer(visit, customer)
    frozen = text_of(data, "unfreeze") != "yes"
    await freeze_customer(
        db=visit.db, workspace_id=visit.workspace_id, customer_id=found.id, frozen=frozen, actor=visit.actor
    )
    says = "The customer is frozen: nothing is spent, bought or charged." if frozen else "The customer is active again."
    return redirect(request, _href(found), flash=Flash("success", says))


@post("/customers/{customer:str}/recurring-grants/{schedule:str}/pause", status_code=200)
async def pause(request: PageRequest, customer: FromPath[str], schedule: FromPath[str], data: Sent) -> Response[str]:
    """Periods that begin during the pause are skipped. With `resume`: the next one that begins is granted again."""
    visit = await writer_of(request)
    found = await _customer(visit, customer)
    schedule_id = path_id(GRANT_SCHEDULE, schedule, "grant schedule")
    theirs = await schedules.schedule(visit.db, workspace_id=visit.workspace_id, schedule_id=schedule_id)
    if theirs.customer_id != found.id:
        raise NotFound("grant schedule")
    resume = text_of(data, "resume") == "yes"
    act = resume_schedule if resume else pause_schedule
    try:
        await act(db=visit.db, workspace_id=visit.workspace_id, schedule_id=schedule_id, actor=visit.actor)
    except (Conflict, Unavailable) as refused:
        return await _page(request, visit, found, refused=refused)
    says = "The recurring grant goes on." if resume else "The recurring grant is paused: nothing is granted meanwhile."
    return redirect(request, _href(found), flash=Flash("success", says))


def _href(customer: Customer) -> str:
    return f"/admin/customers/{CUSTOMER.text(customer.id)}"


async def _customer(visit: Visit, text: str) -> Customer:
    customer_id = path_id(CUSTOMER, text, "customer")
    return await queries.customer(visit.db, workspace_id=visit.workspace_id, customer_id=customer_id)


async def _credit_currencies(visit: Visit) -> list[PaymentCurrency]:
    return await catalog.currencies(
        visit.db, workspace_id=visit.workspace_id, type_="credit", active=True, limit=_CURRENCIES_MAX
    )


async def _to_adjust(visit: Visit, sheet: Sheet) -> list[PaymentCurrency]:
    """What the customer holds first, moved last before all: a form sent as it opens must not credit another wallet."""
    moved = {one.currency_id: one.moved_at for one in sheet.balances if one.moved_at is not None}
    known = list(reversed(await _credit_currencies(visit)))
    held = sorted((one for one in known if one.id in moved), key=lambda one: moved[one.id], reverse=True)
    return [*held, *(one for one in known if one.id not in moved)]


async def _page(
    request: PageRequest,
    visit: Visit,
    customer: Customer,
    *,
    cursor: str = "",
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    refused: Refusal | None = None,
) -> Response[str]:
    sheet = await sheet_of(visit, customer, cursor=cursor)
    form = sent or {}
    return visit.page(
        request,
        "admin/customer.html",
        section="customers",
        status=422 if errors else 200 if refused is None else 409,
        flash=None if refused is None else Flash("danger", refused.detail),
        sheet=sheet,
        customer=customer,
        currencies=[(CURRENCY.text(one.id), one.name) for one in await _to_adjust(visit, sheet)],
        form={name: text_of(form, name) for name in _LABELS},
        form_key=uuid4().hex,
        errors=errors or {},
        labels=_LABELS,
        next_href=None if sheet.next_cursor is None else f"{sheet.href}?cursor={sheet.next_cursor}#history",
        first_href=f"{sheet.href}#history" if cursor else None,
    )


routes = [customers, show_customer, adjust, freeze, pause]
