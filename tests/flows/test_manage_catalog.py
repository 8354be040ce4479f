"""The catalog through its flows: what lines up is saved, what does not is refused with its reason."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest

from replenish.catalog import queries
from replenish.catalog.errors import Mismatched, StillUsed
from replenish.catalog.model import CreditTerms
from replenish.core.db import Database
from replenish.core.errors import Invalid
from replenish.core.ids import CurrencyId, MeterId, PriceId, ProductId, WorkspaceId
from replenish.flows import manage_catalog, manage_currencies, manage_meters, manage_payment_links, manage_workspaces

BASE = "https://pay.example"


@dataclass
class Bench:
    """A workspace with two meters of two credit currencies, and a credit product."""

    db: Database
    workspace_id: WorkspaceId
    calls: MeterId
    calls_currency: CurrencyId
    minutes: MeterId
    minutes_currency: CurrencyId
    usdc: CurrencyId
    product: ProductId

    async def price(self, **changes: object) -> PriceId:
        terms = changes.pop("terms", CreditTerms(currency_id=self.calls_currency, amount="200000"))
        wanted: dict[str, object] = {
            "db": self.db,
            "workspace_id": self.workspace_id,
            "product_id": self.product,
            "currency_id": self.usdc,
            "unit_amount": "10",
            "credit_terms": terms,
            **changes,
        }
        return await manage_catalog.create_price(**wanted)

    async def recharge(self, currency_id: CurrencyId | None = None, **config: object) -> None:
        await manage_currencies.update_recharge_config(
            db=self.db,
            workspace_id=self.workspace_id,
            currency_id=currency_id or self.calls_currency,
            **config,
        )

    async def url(self) -> str | None:
        return await queries.top_up_url(
            self.db, workspace_id=self.workspace_id, currency_id=self.calls_currency, base_url=BASE
        )


@pytest.fixture
async def bench(db: Database) -> Bench:
    twins = await manage_workspaces.create_workspace(db=db, name="Ann's maps")
    found: list[tuple[MeterId, CurrencyId]] = []
    for name in ("api_call", "minute"):
        meter_id = await manage_meters.create_meter(
            db=db, workspace_id=twins.test, name=name, event_name=name, unit=f"{name}s"
        )
        meter = await queries.meter(db, workspace_id=twins.test, meter_id=meter_id)
        found.append((meter_id, meter.currency_id))
    usdc = await queries.find_currency(db, workspace_id=twins.test, key="USDC")
    product = await manage_catalog.create_product(db=db, workspace_id=twins.test, name="Pack", type_="credit")
    return Bench(db, twins.test, *found[0], *found[1], usdc.id, product)


async def test_a_new_workspace_can_be_paid_in_these(bench: Bench) -> None:
    twins = await queries.currencies(bench.db, workspace_id=bench.workspace_id, type_="standard")
    assert {(currency.code, currency.decimals) for currency in twins} == {
        ("USD", 2),
        ("EUR", 2),
        ("JPY", 0),
        ("USDC", 6),
        ("ETH", 18),
    }


async def test_a_meter_without_a_currency_makes_one_of_two_decimals(bench: Bench) -> None:
    made = await queries.currency(bench.db, workspace_id=bench.workspace_id, currency_id=bench.calls_currency)
    assert (made.type, made.decimals, made.symbol, made.overdraft_policy) == ("credit", 2, "api_calls", "none")
    meter_id = await manage_meters.create_meter(
        db=bench.db, workspace_id=bench.workspace_id, name="Gas", event_name="gas", unit="gwei", decimals=9
    )
    meter = await queries.meter(bench.db, workspace_id=bench.workspace_id, meter_id=meter_id)
    fine = await queries.currency(bench.db, workspace_id=bench.workspace_id, currency_id=meter.currency_id)
    assert fine.decimals == 9


async def test_a_refused_meter_leaves_no_currency_behind(bench: Bench) -> None:
    before = await queries.currencies(bench.db, workspace_id=bench.workspace_id)
    with pytest.raises(Exception, match="event_name"):
        await manage_meters.create_meter(
            db=bench.db, workspace_id=bench.workspace_id, name="Again", event_name="api_call", unit="calls"
        )
    assert await queries.currencies(bench.db, workspace_id=bench.workspace_id) == before


async def test_a_price_is_stored_as_it_was_asked_for(bench: Bench) -> None:
    usd = await queries.find_currency(bench.db, workspace_id=bench.workspace_id, key="USD")
    terms = CreditTerms(
        currency_id=bench.calls_currency,
        amount="200000.50",
        priority=7,
        valid_duration_value=3,
        valid_duration_unit="months",
        scope=[bench.calls],
    )
    price_id = await bench.price(terms=terms, meter_id=bench.calls, options=[(usd.id, "10.5")])
    price = await queries.price(bench.db, workspace_id=bench.workspace_id, price_id=price_id)
    assert price.base.money_for(3).amount == Decimal(30)
    assert str(price.base.money_for(3)) == "30 USDC"
    assert [option.code for option in price.options] == ["USDC", "USD"]
    assert price.credit_config is not None
    assert str(price.credit_config.credits_for(2)) == "400001"
    assert price.credit_config.scope == [bench.calls]
    assert (price.credit_config.priority, price.credit_config.valid_duration_unit) == (7, "months")


async def test_currencies_that_do_not_line_up_are_refused_with_the_reason(bench: Bench) -> None:
    service = await manage_catalog.create_product(db=bench.db, workspace_id=bench.workspace_id, name="Support")
    minutes = CreditTerms(currency_id=bench.minutes_currency, amount="100")
    money = CreditTerms(currency_id=bench.usdc, amount="100")
    scoped = CreditTerms(currency_id=bench.calls_currency, amount="100", scope=[bench.calls, bench.minutes])
    outside = CreditTerms(currency_id=bench.calls_currency, amount="100", scope=[bench.calls])
    other = await manage_meters.create_meter(
        db=bench.db,
        workspace_id=bench.workspace_id,
        name="Tiles",
        event_name="tile",
        unit="tiles",
        currency_id=bench.calls_currency,
    )
    # what is asked for, field, part of the reason
    table: list[tuple[dict[str, object], str, str]] = [
        ({"currency_id": bench.calls_currency}, "currency_id", "paid in money"),
        ({"terms": None}, "credit_config", "granted nothing"),
        ({"product_id": service}, "credit_config", "only type 'credit'"),
        ({"terms": money}, "credit_config.currency_id", "is money"),
        ({"terms": minutes, "meter_id": bench.calls}, "meter_id", "balance stays zero"),
        ({"terms": scoped}, "credit_config.scope[1]", "balance stays zero"),
        ({"terms": outside, "meter_id": other}, "credit_config.scope", "leaves out"),
        ({"options": [(bench.minutes_currency, "1")]}, "currency_options[0].currency_id", "paid in money"),
    ]
    for changes, field, reason in table:
        with pytest.raises(Mismatched) as refused:
            await bench.price(**changes)
        assert (refused.value.field, reason in refused.value.detail) == (field, True), refused.value.detail
    assert await queries.prices(bench.db, workspace_id=bench.workspace_id) == []


async def test_a_meter_charges_a_credit_currency(bench: Bench) -> None:
    with pytest.raises(Mismatched) as refused:
        await manage_meters.create_meter(
            db=bench.db,
            workspace_id=bench.workspace_id,
            name="Dollars",
            event_name="dollar",
            unit="dollars",
            currency_id=bench.usdc,
        )
    assert refused.value.field == "currency_id"


async def test_a_recharge_config_that_would_leave_the_balance_at_zero_is_refused(bench: Bench) -> None:
    good = await bench.price()
    other = await bench.price(terms=CreditTerms(currency_id=bench.minutes_currency, amount="100"))
    service = await manage_catalog.create_product(db=bench.db, workspace_id=bench.workspace_id, name="Support")
    none = await bench.price(product_id=service, terms=None)
    link = await manage_payment_links.create_payment_link(db=bench.db, workspace_id=bench.workspace_id, price_id=other)
    table: list[tuple[dict[str, object], str]] = [
        ({"base_price_id": other}, "base_price_id"),
        ({"base_price_id": none}, "base_price_id"),
        ({"base_price_id": good, "payment_link_id": link}, "payment_link_id"),
        ({"base_price_id": good, "currency_id": bench.usdc}, "currency_id"),
    ]
    for config, field in table:
        with pytest.raises(Mismatched) as refused:
            await bench.recharge(**config)
        assert refused.value.field == field
    for bounds, field in (
        ({"min_recharge_amount": "5", "max_recharge_amount": "4"}, "max_recharge_amount"),
        ({"max_recharge_amount": "9.99"}, "max_recharge_amount"),
        ({"min_recharge_amount": "1.1234567"}, "min_recharge_amount"),
        ({"checkout_url": "javascript:alert(1)"}, "checkout_url"),
    ):
        with pytest.raises(Invalid) as wrong:
            await bench.recharge(base_price_id=good, **bounds)
        assert wrong.value.field == field
    assert await bench.url() is None


async def test_the_address_is_checkout_url_then_link_then_a_link_made_once(bench: Bench) -> None:
    price = await bench.price()
    await bench.recharge(base_price_id=price)
    made = await bench.url()
    assert made is not None
    assert made.startswith(f"{BASE}/checkout/pay/plink_")
    link_id = await manage_payment_links.create_payment_link(
        db=bench.db, workspace_id=bench.workspace_id, price_id=price
    )
    link = await queries.link(bench.db, workspace_id=bench.workspace_id, link_id=link_id)
    await bench.recharge(base_price_id=price, payment_link_id=link_id)
    assert await bench.url() == link.url(BASE)
    await bench.recharge(base_price_id=price, payment_link_id=link_id, checkout_url="https://shop.example/buy")
    assert await bench.url() == "https://shop.example/buy"
    # An empty address clears it, and the link that was made is found again.
    await bench.recharge(base_price_id=price, checkout_url="")
    assert await bench.url() == made
    await manage_currencies.remove_recharge_config(
        db=bench.db, workspace_id=bench.workspace_id, currency_id=bench.calls_currency
    )
    assert await bench.url() is None


async def test_savers_at_the_same_time_make_one_link(bench: Bench) -> None:
    price = await bench.price()
    await asyncio.gather(*(bench.recharge(base_price_id=price) for _ in range(8)))
    assert len(await queries.links(bench.db, workspace_id=bench.workspace_id)) == 1
    # Another base price sells something else: its link is another one.
    await bench.recharge(base_price_id=await bench.price(unit_amount="20"))
    assert len(await queries.links(bench.db, workspace_id=bench.workspace_id)) == 2


async def test_what_a_recharge_needs_cannot_be_archived(bench: Bench) -> None:
    price = await bench.price()
    await bench.recharge(base_price_id=price)
    [link] = await queries.links(bench.db, workspace_id=bench.workspace_id)
    own = {"db": bench.db, "workspace_id": bench.workspace_id}
    with pytest.raises(StillUsed):
        await manage_catalog.change_price(**own, price_id=price, active=False)
    with pytest.raises(StillUsed):
        await manage_catalog.change_product(**own, product_id=bench.product, active=False)
    with pytest.raises(StillUsed):
        await manage_payment_links.change_payment_link(**own, link_id=link.id, active=False)
    with pytest.raises(StillUsed):
        await manage_currencies.change_currency(**own, currency_id=bench.calls_currency, active=False)
    await manage_currencies.remove_recharge_config(**own, currency_id=bench.calls_currency)
    await manage_catalog.change_price(**own, price_id=price, active=False)
    with pytest.raises(Invalid, match="archived"):
        await bench.recharge(base_price_id=price)


async def test_numbers_count_up_without_gaps_or_twins(bench: Bench) -> None:
    ids = await asyncio.gather(
        *(
            manage_catalog.create_campaign(db=bench.db, workspace_id=bench.workspace_id, name=f"Campaign {n}")
            for n in range(8)
        )
    )
    assert len(set(ids)) == 8
    found = await queries.campaigns(bench.db, workspace_id=bench.workspace_id)
    assert sorted(campaign.number for campaign in found) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_an_overdraft_limit_comes_and_goes_with_its_policy(bench: Bench) -> None:
    own = {"db": bench.db, "workspace_id": bench.workspace_id, "currency_id": bench.calls_currency}

    async def stored() -> tuple[str, str]:
        found = await queries.currency(bench.db, workspace_id=bench.workspace_id, currency_id=bench.calls_currency)
        return found.overdraft_policy, str(found.overdraft_limit)

    with pytest.raises(Invalid):
        await manage_currencies.change_currency(**own, overdraft_policy="limited")
    await manage_currencies.change_currency(**own, overdraft_policy="limited", overdraft_limit="50.25")
    assert await stored() == ("limited", "50.25")
    await manage_currencies.change_currency(**own, name="Calls")
    assert await stored() == ("limited", "50.25")
    await manage_currencies.change_currency(**own, overdraft_policy="none")
    assert await stored() == ("none", "None")
    with pytest.raises(Invalid):
        await manage_currencies.change_currency(**own, overdraft_limit="5")


async def test_a_lookup_key_moves_to_the_next_price(bench: Bench) -> None:
    old = await bench.price(lookup_key="pack")
    own = {"db": bench.db, "workspace_id": bench.workspace_id}
    new = await bench.price(unit_amount="12")
    with pytest.raises(Exception, match="lookup_key"):
        await manage_catalog.change_price(**own, price_id=new, lookup_key="pack")
    await manage_catalog.change_price(**own, price_id=old, lookup_key=None)
    await manage_catalog.change_price(**own, price_id=new, lookup_key="pack")
    assert (await queries.find_price(bench.db, workspace_id=bench.workspace_id, key="pack")).id == new
