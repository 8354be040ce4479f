"""Payment currencies: money, and the credit currencies that customers hold, with what tops those up."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from replenish.api.v1.call import Call
from replenish.api.v1.references import link_ref, price_ref
from replenish.api.v1.routing import changes, creates, reads, removes, replaces
from replenish.api.v1.wire import (
    CODE,
    Amount,
    Body,
    Cursor,
    Decimals,
    Example,
    Key,
    Limit,
    LookupKey,
    Metadata,
    Page,
    PriceKey,
    Shown,
    Time,
    Url,
    before,
    page,
)
from replenish.catalog import queries
from replenish.catalog.model import CurrencyType, OverdraftPolicy, PaymentCurrency, RechargeConfig
from replenish.core.errors import NotFound
from replenish.core.ids import CURRENCY, PAYMENT_LINK, PRICE
from replenish.core.money import plain
from replenish.flows import manage_currencies

CurrencyName = Annotated[str, Meta(min_length=1, max_length=64, description="What people call it.")]
Symbol = Annotated[
    str, Meta(min_length=1, max_length=32, description="What stands beside amounts; the name unless said.")
]
Overdraft = Annotated[
    OverdraftPolicy,
    Meta(
        description="What happens to usage that no grant can pay: refused (`none`), owed up to `overdraft_limit` (`limited`)"
        " or owed without end (`unlimited`)."
    ),
]
OverdraftLimit = Annotated[
    Amount, Meta(description="Credits that may be owed at most; with `limited`, which needs it.")
]
Code = Annotated[str, Meta(min_length=3, max_length=10, pattern=CODE, examples=["GBP"])]


class NewPaymentCurrency(Body):
    EXAMPLE: ClassVar[Example] = {"name": "Credits", "type": "credit", "lookup_key": "credits"}

    name: CurrencyName
    type: Annotated[CurrencyType, Meta(description="`credit` is a unit that customers hold, `standard` is money.")] = (
        "credit"
    )
    symbol: Symbol | None = None
    code: Annotated[
        Code | None, Meta(description="The code of the money, such as GBP; `standard` only, and it needs one.")
    ] = None
    decimals: Annotated[
        Decimals | None, Meta(description="How many decimals amounts have; 2 unless said, for known money the world's.")
    ] = None
    lookup_key: LookupKey | None = None
    overdraft_policy: Overdraft = "none"
    overdraft_limit: OverdraftLimit | None = None
    metadata: Metadata = field(default_factory=dict)


class PaymentCurrencyChanges(Body):
    MADE_BY = NewPaymentCurrency
    EXAMPLE: ClassVar[Example] = {"symbol": "credits"}

    name: CurrencyName | UnsetType = UNSET
    symbol: Symbol | UnsetType = UNSET
    active: (
        Annotated[bool, Meta(description="False: nothing that is priced in it, or grants it, is sold any more.")]
        | UnsetType
    ) = UNSET
    overdraft_policy: Overdraft | UnsetType = UNSET
    overdraft_limit: OverdraftLimit | UnsetType | None = UNSET
    lookup_key: LookupKey | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class NewRechargeConfig(Body):
    """What a customer buys. An empty `checkout_url` is none."""

    EXAMPLE: ClassVar[Example] = {"base_price_id": "credit_pack_usd"}

    base_price_id: Annotated[
        PriceKey,
        Meta(description="The price that a customer buys to top this credit currency up, by id or lookup key."),
    ]
    payment_link_id: Annotated[
        Key | None, Meta(description="The payment link that customers top up through, by id or lookup key.")
    ] = None
    checkout_url: Annotated[
        Url | None, Meta(description="A page of yours where customers top up, in place of ours; empty = none.")
    ] = None
    min_recharge_amount: Annotated[
        Amount | None, Meta(description="The least that one top-up may cost, in the base price's currency.")
    ] = None
    max_recharge_amount: Annotated[
        Amount | None, Meta(description="The most that one top-up may cost, in the base price's currency.")
    ] = None


class RechargeConfigView(Shown):
    base_price_id: str
    payment_link_id: str | None
    checkout_url: str | None
    min_recharge_amount: str | None
    max_recharge_amount: str | None


class ResolvedRechargeConfigView(RechargeConfigView):
    """`url`: where a customer tops up: checkout URL, else payment link, else the link made from the base price."""

    url: str


class PaymentCurrencyView(Shown):
    id: str
    type: CurrencyType
    code: str | None
    lookup_key: str | None
    name: str
    symbol: str
    decimals: int
    active: bool
    overdraft_policy: OverdraftPolicy
    overdraft_limit: str | None
    recharge_config: RechargeConfigView | None
    metadata: Metadata
    created_at: Time


def show_config(config: RechargeConfig) -> RechargeConfigView:
    return RechargeConfigView(
        base_price_id=PRICE.text(config.base_price_id),
        payment_link_id=None if config.payment_link_id is None else PAYMENT_LINK.text(config.payment_link_id),
        checkout_url=config.checkout_url,
        min_recharge_amount=None if config.amount_min is None else plain(config.amount_min),
        max_recharge_amount=None if config.amount_max is None else plain(config.amount_max),
    )


def show(currency: PaymentCurrency) -> PaymentCurrencyView:
    return PaymentCurrencyView(
        id=CURRENCY.text(currency.id),
        type=currency.type,
        code=currency.code,
        lookup_key=currency.lookup_key,
        name=currency.name,
        symbol=currency.symbol,
        decimals=currency.decimals,
        active=currency.active,
        overdraft_policy=currency.overdraft_policy,
        overdraft_limit=None if currency.overdraft_limit is None else str(currency.overdraft_limit),
        recharge_config=None if currency.recharge_config is None else show_config(currency.recharge_config),
        metadata=dict(currency.metadata),
        created_at=currency.created_at,
    )


@creates("/payment_currencies", scope="catalog:write")
async def create_payment_currency(data: NewPaymentCurrency, call: Call) -> PaymentCurrencyView:
    """Create a payment currency: `credit` is what customers hold, `standard` is money."""
    currency_id = await manage_currencies.create_currency(
        db=call.db,
        workspace_id=call.workspace_id,
        name=data.name,
        type_=data.type,
        symbol=data.symbol,
        code=data.code,
        lookup_key=data.lookup_key,
        decimals=data.decimals,
        overdraft_policy=data.overdraft_policy,
        overdraft_limit=data.overdraft_limit,
        metadata=data.metadata,
        request_key=call.request_key(data),
    )
    return show(await queries.currency(call.db, workspace_id=call.workspace_id, currency_id=currency_id))


@reads("/payment_currencies")
async def list_payment_currencies(
    call: Call,
    type: CurrencyType | None = None,  # noqa: A002 - the wire's word
    active: bool | None = None,
    limit: Limit = 20,
    cursor: Cursor | None = None,
) -> Page[PaymentCurrencyView]:
    """List payment currencies, newest first."""
    rows = await queries.currencies(
        call.db,
        workspace_id=call.workspace_id,
        type_=type,
        active=active,
        before=before(cursor),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


@reads("/payment_currencies/{key:str}")
async def retrieve_payment_currency(key: str, call: Call) -> PaymentCurrencyView:
    """Retrieve a payment currency by its id, code or lookup key."""
    return show(await queries.find_currency(call.db, workspace_id=call.workspace_id, key=key))


@changes("/payment_currencies/{key:str}", scope="catalog:write")
async def change_payment_currency(key: str, data: PaymentCurrencyChanges, call: Call) -> PaymentCurrencyView:
    """Change or archive a payment currency. Code and decimals never change; metadata is replaced as a whole."""
    found = await queries.find_currency(call.db, workspace_id=call.workspace_id, key=key)
    await manage_currencies.change_currency(
        db=call.db,
        workspace_id=call.workspace_id,
        currency_id=found.id,
        name=data.name,
        symbol=data.symbol,
        active=data.active,
        overdraft_policy=data.overdraft_policy,
        overdraft_limit=data.overdraft_limit,
        lookup_key=data.lookup_key,
        metadata=data.metadata,
    )
    return show(await queries.currency(call.db, workspace_id=call.workspace_id, currency_id=found.id))


@replaces("/payment_currencies/{key:str}/recharge_config", scope="catalog:write")
async def update_recharge_config(key: str, data: NewRechargeConfig, call: Call) -> PaymentCurrencyView:
    """Say what a customer buys to top this credit currency up. Answers the currency.

    Without `checkout_url` and `payment_link_id`, a payment link is made from the base price, once. Prices that do not
    grant this very currency are refused: a payment could succeed while the balance stays zero.
    """
    found = await queries.find_currency(call.db, workspace_id=call.workspace_id, key=key)
    await manage_currencies.update_recharge_config(
        db=call.db,
        workspace_id=call.workspace_id,
        currency_id=found.id,
        base_price_id=await price_ref(call, data.base_price_id, field="base_price_id"),
        payment_link_id=None
        if data.payment_link_id is None
        else await link_ref(call, data.payment_link_id, field="payment_link_id"),
        checkout_url=data.checkout_url,
        min_recharge_amount=data.min_recharge_amount,
        max_recharge_amount=data.max_recharge_amount,
    )
    return show(await queries.currency(call.db, workspace_id=call.workspace_id, currency_id=found.id))


@reads("/payment_currencies/{key:str}/recharge_config")
async def retrieve_recharge_config(key: str, call: Call) -> ResolvedRechargeConfigView:
    """Retrieve what tops this credit currency up, with the address where a customer buys it."""
    found = await queries.find_currency(call.db, workspace_id=call.workspace_id, key=key)
    url = await queries.top_up_url(
        call.db, workspace_id=call.workspace_id, currency_id=found.id, base_url=call.base_url
    )
    if found.recharge_config is None or url is None:
        raise NotFound("recharge config")
    shown = show_config(found.recharge_config)
    return ResolvedRechargeConfigView(
        base_price_id=shown.base_price_id,
        payment_link_id=shown.payment_link_id,
        checkout_url=shown.checkout_url,
        min_recharge_amount=shown.min_recharge_amount,
        max_recharge_amount=shown.max_recharge_amount,
        url=url,
    )


@removes("/payment_currencies/{key:str}/recharge_config", scope="catalog:write")
async def remove_recharge_config(key: str, call: Call) -> None:
    """Remove the recharge config: customers can no longer top this currency up themselves."""
    found = await queries.find_currency(call.db, workspace_id=call.workspace_id, key=key)
    await manage_currencies.remove_recharge_config(db=call.db, workspace_id=call.workspace_id, currency_id=found.id)


routes = [
    create_payment_currency,
    list_payment_currencies,
    retrieve_payment_currency,
    change_payment_currency,
    update_recharge_config,
    retrieve_recharge_config,
    remove_recharge_config,
]
