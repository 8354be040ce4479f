"""Recharge rules: a customer's standing order for automatic top-ups."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from replenish.api.v1.call import Call
from replenish.api.v1.references import customer_ref, price_ref
from replenish.api.v1.routing import acts, reads, replaces
from replenish.api.v1.wire import (
    Amount,
    Body,
    CreditCurrencyKey,
    CurrencyKey,
    Cursor,
    CustomerKey,
    Example,
    Key,
    Limit,
    Page,
    PriceKey,
    Shown,
    Time,
    before,
    page,
    path_id,
)
from replenish.catalog import queries as catalog
from replenish.catalog.model import PaymentCurrency, Price
from replenish.core.errors import Invalid
from replenish.core.ids import (
    API_KEY,
    CURRENCY,
    CUSTOMER,
    PAYMENT_METHOD,
    PRICE,
    RECHARGE_RULE,
    WALLET,
    CurrencyId,
    CustomerId,
    RechargeRuleId,
)
from replenish.core.money import Credits, parse_decimal, parse_positive, plain
from replenish.customers import queries as customers
from replenish.flows import manage_recharge_rules as flow
from replenish.recharge import queries
from replenish.recharge.model import Draft, GivenConsent, Rule, Status, SuspendedReason, status_of
from replenish.wallets import queries as wallets


class NewConsent(Body):
    """The customer's explicit act, as you recorded it: the wording they agreed to, and from where.

    Kept for good with the price, the caps and the method it covered.
    """

    wording: Annotated[str, Meta(min_length=10, max_length=5000, description="The words that the customer agreed to.")]
    ip: Annotated[str, Meta(max_length=64, description="The customer's IP address at that act.")] | None = None
    user_agent: (
        Annotated[str, Meta(max_length=1000, description="The customer's browser at that act, by its `User-Agent`.")]
        | None
    ) = None


class RechargeRuleDraft(Body):
    """When the balance falls below `threshold`, buy multiples of `packs` up to it, or (`target`) up to the target.

    `price_id` is the recharge config's base price unless said. Caps are in the payment currency, tax included.
    """

    EXAMPLE: ClassVar[Example] = {
        "customer_id": "user_17",
        "credit_currency_id": "credits",
        "enabled": False,
        "threshold": "1000",
    }

    customer_id: CustomerKey
    credit_currency_id: CreditCurrencyKey
    enabled: Annotated[bool, Meta(description="Whether it buys by itself; switching it on needs `consent`.")]
    threshold: Annotated[Amount, Meta(description="It buys when the balance falls below this many credits, not at it.")]
    mode: Annotated[
        Literal["packs", "target"],
        Meta(
            description="`packs` buys multiples of `packs` until the threshold is reached, `target` until the target is."
        ),
    ] = "packs"
    packs: Annotated[int, Meta(ge=1, le=9999, description="How many units of the price are bought at a time.")] = 1
    target: Annotated[Amount | None, Meta(description="The balance in credits up to which `target` buys.")] = None
    price_id: Annotated[
        PriceKey | None,
        Meta(description="What is bought, by id or lookup key; the recharge config's base price unless said."),
    ] = None
    currency_id: Annotated[
        CurrencyKey | None,
        Meta(description="Which of the price's currencies is paid in; its base currency unless said."),
    ] = None
    payment_method_id: (
        Annotated[
            str,
            Meta(
                max_length=64,
                description="The saved payment method that is charged; an enabled rule needs one.",
            ),
        ]
        | None
    ) = None
    charge_amount_max: Annotated[
        Amount | None, Meta(description="The most that one charge may cost, tax included; no cap unless said.")
    ] = None
    day_amount_max: Annotated[
        Amount | None, Meta(description="The most that a day's charges may cost, tax included; no cap unless said.")
    ] = None
    day_count_max: (
        Annotated[
            int,
            Meta(ge=1, le=1000, description="How many charges a day may have, declined ones too; no cap unless said."),
        ]
        | None
    ) = None
    month_amount_max: Annotated[
        Amount | None, Meta(description="The most that a month's charges may cost, tax included; no cap unless said.")
    ] = None
    consent: Annotated[
        NewConsent | None,
        Meta(description="The customer's recorded act; needed to switch the rule on and to raise anything."),
    ] = None


class RechargeRuleView(Shown):
    """`status` at a glance: off, armed, charging, waiting_for_customer, paused, blocked (`reason` says why), suspended."""

    id: str
    customer_id: str
    wallet_id: str
    credit_currency_id: str
    enabled: bool
    status: Status
    threshold: str
    mode: Literal["packs", "target"]
    packs: int
    target: str | None
    price_id: str
    currency_id: str
    payment_method_id: str | None
    charge_amount_max: str | None
    day_amount_max: str | None
    day_count_max: int | None
    month_amount_max: str | None
    declines_in_a_row: int
    paused_until: Time | None
    suspended_at: Time | None
    suspended_reason: SuspendedReason | None
    reason: str | None
    reason_detail: str | None
    reason_until: Time | None
    created_at: Time
    updated_at: Time


class SavedRuleView(Shown):
    """`charges_now`: the balance is below the threshold already, so a charge is on its way."""

    rule: RechargeRuleView
    charges_now: bool


async def _show(call: Call, rule: Rule) -> RechargeRuleView:
    ref = await wallets.ref_of(call.db, customer_id=rule.customer_id, wallet_id=rule.wallet_id)
    opened = await queries.attempts(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=rule.customer_id,
        wallet_id=rule.wallet_id,
        states=["decided", "prepared", "submitted", "needs_customer"],
        limit=1,
    )
    return RechargeRuleView(
        id=RECHARGE_RULE.text(rule.id),
        customer_id=CUSTOMER.text(rule.customer_id),
        wallet_id=WALLET.text(rule.wallet_id),
        credit_currency_id=CURRENCY.text(ref.currency_id),
        enabled=rule.enabled,
        status=status_of(rule, open_attempt=opened[0] if opened else None),
        threshold=str(rule.threshold),
        mode=rule.mode,
        packs=rule.packs,
        target=None if rule.target is None else str(rule.target),
        price_id=PRICE.text(rule.price_id),
        currency_id=CURRENCY.text(rule.currency_id),
        payment_method_id=None if rule.payment_method_id is None else PAYMENT_METHOD.text(rule.payment_method_id),
        charge_amount_max=_text(rule.charge_amount_max),
        day_amount_max=_text(rule.day_amount_max),
        day_count_max=rule.day_count_max,
        month_amount_max=_text(rule.month_amount_max),
        declines_in_a_row=rule.declines_in_a_row,
        paused_until=rule.paused_until,
        suspended_at=rule.suspended_at,
        suspended_reason=rule.suspended_reason,
        reason=rule.reason,
        reason_detail=rule.reason_detail,
        reason_until=rule.reason_until,
        created_at=rule.created_at,
        updated_at=rule.updated_at,
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


class _Parts(msgspec.Struct, frozen=True):
    customer_id: CustomerId
    credit_currency: PaymentCurrency
    draft: Draft


@replaces("/recharge_rules", scope="payments:write", errors=(404,), takes_key=True)
async def save_recharge_rule(data: RechargeRuleDraft, call: Call) -> SavedRuleView:
    """Make or change the rule of a customer's wallet; there is one per customer and credit currency.

    Switching on, or raising anything, needs the customer's `consent`. A rule that could never be satisfied, or a cap
    smaller than one purchase, is refused with the numbers.
    """
    parts = await _parts(call, data)
    consent = None
    if data.consent is not None:
        consent = GivenConsent(
            actor=API_KEY.text(call.identity.api_key_id),
            wording=data.consent.wording,
            ip=data.consent.ip,
            user_agent=data.consent.user_agent,
        )
    saved = await flow.save_rule(
        db=call.db,
        providers=call.context.providers,
        workspace_id=call.workspace_id,
        customer_id=parts.customer_id,
        currency_id=parts.credit_currency.id,
        draft=parts.draft,
        consent=consent,
        request_key=call.request_key(data),
    )
    return SavedRuleView(rule=await _view(call, saved.rule_id), charges_now=saved.charges_now)


async def _parts(call: Call, data: RechargeRuleDraft) -> _Parts:
    credit = await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=data.credit_currency_id)
    if credit.type != "credit":
        raise Invalid("credit_currency_id", f"{credit.unit} is money; a rule tops a credit currency up")
    if data.price_id is not None:
        price_id = await price_ref(call, data.price_id, field="price_id")
    elif credit.recharge_config is not None:
        price_id = credit.recharge_config.base_price_id
    else:
        raise Invalid("price_id", "is needed: this credit currency has no recharge config with a base price")
    price = await catalog.price(call.db, workspace_id=call.workspace_id, price_id=price_id)
    money = await _payment_currency(call, data.currency_id, price)
    method_id = None
    if data.payment_method_id is not None:
        method_id = PAYMENT_METHOD.parse(data.payment_method_id, field="payment_method_id")

    def cap(text: str | None, field: str) -> Decimal | None:
        return None if text is None else parse_positive(text, field=field, decimals=money.decimals)

    def credits_of(text: str, field: str) -> Credits:
        return Credits(parse_decimal(text, field=field, decimals=credit.decimals, minimum=Decimal(0)))

    draft = Draft(
        enabled=data.enabled,
        threshold=credits_of(data.threshold, "threshold"),
        mode=data.mode,
        packs=data.packs,
        target=None if data.target is None else credits_of(data.target, "target"),
        price_id=price_id,
        currency_id=money.id,
        payment_method_id=method_id,
        charge_amount_max=cap(data.charge_amount_max, "charge_amount_max"),
        day_amount_max=cap(data.day_amount_max, "day_amount_max"),
        day_count_max=data.day_count_max,
        month_amount_max=cap(data.month_amount_max, "month_amount_max"),
    )
    return _Parts(await customer_ref(call, data.customer_id), credit, draft)


async def _payment_currency(call: Call, key: str | None, price: Price) -> PaymentCurrency:
    if key is None:
        currency_id: CurrencyId = price.base.currency_id
        return await catalog.currency(call.db, workspace_id=call.workspace_id, currency_id=currency_id)
    return await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=key)


async def _view(call: Call, rule_id: RechargeRuleId) -> RechargeRuleView:
    return await _show(call, await queries.rule(call.db, workspace_id=call.workspace_id, rule_id=rule_id))


@reads("/recharge_rules", errors=(404,))
async def list_recharge_rules(
    call: Call, customer_id: Key | None = None, limit: Limit = 20, cursor: Cursor | None = None
) -> Page[RechargeRuleView]:
    """List recharge rules, newest first."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.rules(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        before=None if last is None else RechargeRuleId(last),
        limit=limit + 1,
    )
    views = {row.id: await _show(call, row) for row in rows[:limit]}
    return page(rows, limit=limit, show=lambda row: views[row.id], id_of=lambda row: row.id)


@reads("/recharge_rules/{recharge_rule_id:str}")
async def retrieve_recharge_rule(recharge_rule_id: str, call: Call) -> RechargeRuleView:
    """Retrieve a recharge rule."""
    return await _view(call, path_id(RECHARGE_RULE, recharge_rule_id, "recharge rule"))


@acts("/recharge_rules/{recharge_rule_id:str}/disable", scope="payments:write", takes_key=True)
async def disable_recharge_rule(recharge_rule_id: str, call: Call) -> RechargeRuleView:
    """Switch a rule off, at once; a charge on which nothing can have been paid is called off."""
    rule_id = path_id(RECHARGE_RULE, recharge_rule_id, "recharge rule")
    await flow.disable_rule(db=call.db, workspace_id=call.workspace_id, rule_id=rule_id, request_key=call.request_key())
    return await _view(call, rule_id)


@acts("/recharge_rules/{recharge_rule_id:str}/resume", scope="payments:write", takes_key=True)
async def resume_recharge_rule(recharge_rule_id: str, call: Call) -> SavedRuleView:
    """End a suspension or a pause."""
    rule_id = path_id(RECHARGE_RULE, recharge_rule_id, "recharge rule")
    charges_now = await flow.resume_rule(
        db=call.db, workspace_id=call.workspace_id, rule_id=rule_id, request_key=call.request_key()
    )
    return SavedRuleView(rule=await _view(call, rule_id), charges_now=charges_now)


@acts("/recharge_rules/{recharge_rule_id:str}/suspend", scope="payments:write")
async def suspend_recharge_rule(recharge_rule_id: str, call: Call) -> RechargeRuleView:
    """Stop a rule until it is resumed, whatever the customer's card."""
    rule_id = path_id(RECHARGE_RULE, recharge_rule_id, "recharge rule")
    await flow.suspend_rule(db=call.db, workspace_id=call.workspace_id, rule_id=rule_id)
    return await _view(call, rule_id)


routes = [
    save_recharge_rule,
    list_recharge_rules,
    retrieve_recharge_rule,
    disable_recharge_rule,
    resume_recharge_rule,
    suspend_recharge_rule,
]
