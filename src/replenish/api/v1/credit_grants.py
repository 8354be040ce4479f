"""Credit grants: credits given to a customer as a lot of their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from replenish.access import queries as access
from replenish.api.v1.call import Call
from replenish.api.v1.routing import acts, creates, reads
from replenish.api.v1.wire import (
    Amount,
    Body,
    Category,
    CreditCurrencyKey,
    Cursor,
    CustomerKey,
    Example,
    Key,
    Limit,
    Metadata,
    MeterScope,
    Page,
    Priority,
    Shown,
    Time,
    before,
    page,
    path_id,
)
from replenish.catalog import queries as catalog
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import (
    CUSTOMER,
    GRANT_SCHEDULE,
    LOT,
    METER,
    TOP_UP,
    WALLET,
    GrantScheduleId,
    LotId,
    MeterId,
    TopUpId,
)
from replenish.core.metadata import clean_metadata
from replenish.core.money import Credits, parse_positive, plain
from replenish.customers import queries as customers
from replenish.flows import grant_credits as flow
from replenish.wallets import queries
from replenish.wallets.book import NewLot
from replenish.wallets.model import Lot, WalletRef


class NewCreditGrant(Body):
    """`currency_id` is a credit currency's id or lookup key. Without `expires_at` the credits never expire."""

    EXAMPLE: ClassVar[Example] = {
        "customer_id": "user_17",
        "currency_id": "credits",
        "amount": "100",
        "name": "Welcome",
    }

    customer_id: CustomerKey
    currency_id: CreditCurrencyKey
    amount: Annotated[Amount, Meta(description="How many credits are given.")]
    category: Category = "promotional"
    name: Annotated[str, Meta(max_length=255, description="What the customer reads beside these credits.")] = ""
    priority: Priority = 50
    effective_at: Annotated[Time | None, Meta(description="When the credits start to be usable; now unless said.")] = (
        None
    )
    expires_at: Annotated[Time | None, Meta(description="When they stop being usable; never unless said.")] = None
    scope: MeterScope = field(default_factory=list)
    metadata: Metadata = field(default_factory=dict)


class CreditGrantView(Shown):
    """`remaining` includes `held`; a pending grant has nothing remaining until it starts."""

    id: str
    customer_id: str
    wallet_id: str
    name: str
    category: Literal["paid", "promotional"]
    status: Literal["pending", "granted", "depleted", "expired", "voided"]
    priority: int
    amount: str
    remaining: str
    held: str
    effective_at: Time
    expires_at: Time | None
    voided_at: Time | None
    scope: Sequence[str]
    source: str
    topup_id: str | None
    grant_schedule_id: str | None
    cost: str | None
    metadata: Metadata
    created_at: Time


def show(lot: Lot, *, now: datetime) -> CreditGrantView:
    ended = lot.expires_at is not None and lot.expires_at <= now
    return CreditGrantView(
        id=LOT.text(lot.id),
        customer_id=CUSTOMER.text(lot.customer_id),
        wallet_id=WALLET.text(lot.wallet_id),
        name=lot.name,
        category=lot.category,
        status=lot.status(now),
        priority=lot.priority,
        amount=str(lot.amount),
        # A lot whose time is over holds nothing but what is held, whether or not a write has booked that yet.
        remaining=str(lot.held if ended else lot.remaining if lot.opened_at or lot.effective_at > now else lot.amount),
        held=str(lot.held),
        effective_at=lot.effective_at,
        expires_at=lot.expires_at,
        voided_at=lot.voided_at,
        scope=[METER.text(meter_id) for meter_id in lot.scope],
        source=lot.source,
        topup_id=TOP_UP.text(TopUpId(lot.source_id)) if lot.source == "top_up" and lot.source_id else None,
        grant_schedule_id=(
            GRANT_SCHEDULE.text(GrantScheduleId(lot.source_id)) if lot.source == "schedule" and lot.source_id else None
        ),
        cost=None if lot.cost_amount is None else plain(lot.cost_amount),
        metadata=dict(lot.metadata),
        created_at=lot.created_at,
    )


@creates("/credit_grants", scope="credits:write", errors=(404,))
async def create_credit_grant(data: NewCreditGrant, call: Call) -> CreditGrantView:
    """Give a customer credits. Whatever the customer owes is repaid from them first."""
    customer = await customers.find_customer(call.db, workspace_id=call.workspace_id, key=data.customer_id)
    currency = await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=data.currency_id)
    if currency.type != "credit":
        raise Invalid("currency_id", f"{currency.unit} is money; credits are granted in a credit currency")
    new = NewLot(
        amount=Credits(parse_positive(data.amount, field="amount", decimals=currency.decimals)),
        category=data.category,
        source="api",
        priority=data.priority,
        name=data.name,
        effective_at=data.effective_at,
        expires_at=data.expires_at,
        scope=await scope_of(call, data.scope),
        metadata=clean_metadata(data.metadata),
    )
    ref = WalletRef(call.workspace_id, customer.id, currency.id)
    lot_id, _ = await flow.grant_credits(call.db, ref=ref, new=new, request_key=call.request_key(data))
    return await _view(call, lot_id)


async def scope_of(call: Call, keys: Sequence[str]) -> tuple[MeterId, ...]:
    """The meters that credits may pay for, by id, event name or lookup key. Raises Invalid(scope[place])."""
    return tuple([await _meter_id(call, key, place=place) for place, key in enumerate(keys)])


async def _meter_id(call: Call, key: str, *, place: int) -> MeterId:
    try:
        return (await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=key)).id
    except NotFound:
        raise Invalid(f"scope[{place}]", f"no meter {key!r}") from None


async def _view(call: Call, lot_id: LotId) -> CreditGrantView:
    lot = await queries.lot(call.db, workspace_id=call.workspace_id, lot_id=lot_id)
    if lot is None:
        raise NotFound("credit grant")
    return show(lot, now=await access.now(call.db, call.workspace_id))


@reads("/credit_grants", errors=(404,))
async def list_credit_grants(
    call: Call,
    customer_id: Key | None = None,
    currency_id: Key | None = None,
    only_open: bool = False,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[CreditGrantView]:
    """List credit grants, newest first; `only_open` leaves out those with nothing left."""
    customer = currency = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    if currency_id is not None:
        currency = (await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=currency_id)).id
    last = before(cursor)
    rows = await queries.lots(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        currency_id=currency,
        only_open=only_open,
        before=None if last is None else LotId(last),
        limit=limit + 1,
    )
    now = await access.now(call.db, call.workspace_id)
    return page(rows, limit=limit, show=lambda lot: show(lot, now=now), id_of=lambda lot: lot.id)


@reads("/credit_grants/{credit_grant_id:str}")
async def retrieve_credit_grant(credit_grant_id: str, call: Call) -> CreditGrantView:
    """Retrieve a credit grant."""
    return await _view(call, path_id(LOT, credit_grant_id, "credit grant"))


@acts("/credit_grants/{credit_grant_id:str}/void", scope="credits:write", takes_key=True)
async def void_credit_grant(credit_grant_id: str, call: Call) -> CreditGrantView:
    """Take back what is left of a credit grant; what a hold keeps follows when the hold ends."""
    lot_id = path_id(LOT, credit_grant_id, "credit grant")
    await flow.void_grant(call.db, workspace_id=call.workspace_id, lot_id=lot_id, request_key=call.request_key())
    return await _view(call, lot_id)


routes = [create_credit_grant, list_credit_grants, retrieve_credit_grant, void_credit_grant]
