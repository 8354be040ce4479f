"""Prices: what one unit of a product costs, and the credits it grants."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType, field

from replenish.api.v1.call import Call
from replenish.api.v1.references import currency_ref, meter_ref, product_ref
from replenish.api.v1.routing import changes, creates, reads
from replenish.api.v1.wire import (
    Amount,
    Body,
    CreditCurrencyKey,
    CurrencyKey,
    Cursor,
    Example,
    Key,
    Limit,
    LookupKey,
    Metadata,
    MeterKey,
    MeterScope,
    Page,
    Priority,
    ProductKey,
    Quantity,
    Shown,
    Time,
    ValidUnit,
    before,
    money,
    page,
)
from replenish.catalog import queries
from replenish.catalog.model import CreditTerms, DurationUnit, Price
from replenish.core.ids import CURRENCY, METER, PRICE, PRODUCT
from replenish.flows import manage_catalog

Nickname = Annotated[str, Meta(max_length=255, description="A name of yours for it; customers read the product's.")]
QuantityMax = Annotated[Quantity, Meta(description="How many units one purchase may have at most.")]
Duration = Annotated[int, Meta(ge=0, le=1_000_000, description="0 = the credits never expire.")]


class NewCreditConfig(Body):
    """What one unit grants. `scope` names the meters that the credits may pay for; empty = all."""

    currency_id: Annotated[
        CreditCurrencyKey, Meta(description="The credit currency that is granted, by id or lookup key.")
    ]
    credit_amount: Annotated[Amount, Meta(description="Credits that one unit of the price grants.")]
    priority: Priority = 50
    valid_duration_value: Duration = 0
    valid_duration_unit: ValidUnit = "days"
    scope: MeterScope = field(default_factory=list)


class NewCurrencyOption(Body):
    """A further currency that the price can be paid in."""

    currency_id: CurrencyKey
    unit_amount: Annotated[Amount, Meta(description="What one unit costs in this currency.")]


class NewPrice(Body):
    EXAMPLE: ClassVar[Example] = {
        "product_id": "credit_pack",
        "currency_id": "USD",
        "unit_amount": "10",
        "credit_config": {"currency_id": "credits", "credit_amount": "10000"},
        "lookup_key": "credit_pack_usd",
    }

    product_id: ProductKey
    currency_id: Annotated[
        CurrencyKey,
        Meta(
            description="The base currency, money that the price is paid in unless another is chosen: its id, code or lookup key."
        ),
    ]
    unit_amount: Annotated[Amount, Meta(description="What one unit costs in the base currency.")]
    type: Annotated[Literal["one_time"], Meta(description="How it is paid: once.")] = "one_time"
    currency_options: Annotated[
        list[NewCurrencyOption],
        Meta(max_length=20, description="Further currencies that it can be paid in, each with its amount."),
    ] = field(default_factory=list)
    credit_config: Annotated[
        NewCreditConfig | None,
        Meta(description="Which credits one unit grants; for products of type `credit`, which need one."),
    ] = None
    meter_id: Annotated[
        MeterKey | None,
        Meta(
            description="A meter that the credits are for, by id, event name or lookup key; it must charge the credit currency that is granted."
        ),
    ] = None
    quantity_max: QuantityMax = 9999
    nickname: Nickname = ""
    lookup_key: LookupKey | None = None
    metadata: Metadata = field(default_factory=dict)


class PriceChanges(Body):
    MADE_BY = NewPrice
    EXAMPLE: ClassVar[Example] = {"nickname": "Spring price"}

    nickname: Nickname | UnsetType = UNSET
    active: Annotated[bool, Meta(description="False archives the price: it is not sold any more.")] | UnsetType = UNSET
    quantity_max: QuantityMax | UnsetType = UNSET
    lookup_key: LookupKey | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class CreditConfigView(Shown):
    currency_id: str
    credit_amount: str
    priority: int
    valid_duration_value: int
    valid_duration_unit: DurationUnit
    scope: Sequence[str]


class CurrencyOptionView(Shown):
    currency_id: str
    code: str
    unit_amount: str


class PriceView(Shown):
    id: str
    product_id: str
    type: Literal["one_time"]
    nickname: str
    lookup_key: str | None
    active: bool
    currency_id: str
    unit_amount: str
    # All currencies that it can be paid in, the base currency first.
    currency_options: Sequence[CurrencyOptionView]
    credit_config: CreditConfigView | None
    meter_id: str | None
    quantity_max: int
    metadata: Metadata
    created_at: Time


def show(price: Price) -> PriceView:
    config = price.credit_config
    return PriceView(
        id=PRICE.text(price.id),
        product_id=PRODUCT.text(price.product_id),
        type="one_time",
        nickname=price.nickname,
        lookup_key=price.lookup_key,
        active=price.active,
        currency_id=CURRENCY.text(price.base.currency_id),
        unit_amount=money(price.base.unit_amount, price.base.decimals),
        currency_options=[
            CurrencyOptionView(
                currency_id=CURRENCY.text(option.currency_id),
                code=option.code,
                unit_amount=money(option.unit_amount, option.decimals),
            )
            for option in price.options
        ],
        credit_config=None
        if config is None
        else CreditConfigView(
            currency_id=CURRENCY.text(config.currency_id),
            credit_amount=str(config.amount),
            priority=config.priority,
            valid_duration_value=config.valid_duration_value,
            valid_duration_unit=config.valid_duration_unit,
            scope=[METER.text(meter_id) for meter_id in config.scope],
        ),
        meter_id=None if price.meter_id is None else METER.text(price.meter_id),
        quantity_max=price.quantity_max,
        metadata=dict(price.metadata),
        created_at=price.created_at,
    )


async def _terms(call: Call, config: NewCreditConfig | None) -> CreditTerms | None:
    if config is None:
        return None
    return CreditTerms(
        currency_id=await currency_ref(call, config.currency_id, field="credit_config.currency_id"),
        amount=config.credit_amount,
        priority=config.priority,
        valid_duration_value=config.valid_duration_value,
        valid_duration_unit=config.valid_duration_unit,
        scope=[
            await meter_ref(call, key, field=f"credit_config.scope[{place}]") for place, key in enumerate(config.scope)
        ],
    )


@creates("/prices", scope="catalog:write")
async def create_price(data: NewPrice, call: Call) -> PriceView:
    """Create a price. Its amounts and credit config never change: make a new one and archive the old.

    The currencies must line up: a credit config whose credit currency is not the one that its meters charge is refused,
    because a payment could succeed while the balance stays zero.
    """
    price_id = await manage_catalog.create_price(
        db=call.db,
        workspace_id=call.workspace_id,
        product_id=await product_ref(call, data.product_id, field="product_id"),
        currency_id=await currency_ref(call, data.currency_id, field="currency_id"),
        unit_amount=data.unit_amount,
        options=[
            (
                await currency_ref(call, option.currency_id, field=f"currency_options[{place}].currency_id"),
                option.unit_amount,
            )
            for place, option in enumerate(data.currency_options)
        ],
        credit_terms=await _terms(call, data.credit_config),
        meter_id=None if data.meter_id is None else await meter_ref(call, data.meter_id, field="meter_id"),
        quantity_max=data.quantity_max,
        nickname=data.nickname,
        lookup_key=data.lookup_key,
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return show(await queries.price(call.db, workspace_id=call.workspace_id, price_id=price_id))


@reads("/prices")
async def list_prices(
    call: Call,
    product_id: Key | None = None,
    credit_currency_id: Key | None = None,
    active: bool | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[PriceView]:
    """List prices, newest first."""
    rows = await queries.prices(
        call.db,
        workspace_id=call.workspace_id,
        product_id=None if product_id is None else await product_ref(call, product_id, field="product_id"),
        credit_currency_id=None
        if credit_currency_id is None
        else await currency_ref(call, credit_currency_id, field="credit_currency_id"),
        active=active,
        before=before(cursor),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/prices/{key:str}")
async def retrieve_price(key: str, call: Call) -> PriceView:
    """Retrieve a price by its id or lookup key."""
    return show(await queries.find_price(call.db, workspace_id=call.workspace_id, key=key))


@changes("/prices/{key:str}", scope="catalog:write")
async def change_price(key: str, data: PriceChanges, call: Call) -> PriceView:
    """Change or archive a price. Amounts and credit config never change; metadata is replaced as a whole."""
    found = await queries.find_price(call.db, workspace_id=call.workspace_id, key=key)
    await manage_catalog.change_price(
        db=call.db,
        workspace_id=call.workspace_id,
        price_id=found.id,
        nickname=data.nickname,
        active=data.active,
        quantity_max=data.quantity_max,
        lookup_key=data.lookup_key,
        metadata=data.metadata,
    )
    return show(await queries.price(call.db, workspace_id=call.workspace_id, price_id=found.id))


routes = [create_price, list_prices, retrieve_price, change_price]
