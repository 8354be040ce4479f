"""The client against the real application: what a merchant's program does in its first week."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import msgspec
import pytest

from replenish_client import (
    ApiError,
    AsyncReplenish,
    AuthenticationError,
    BudgetExceededError,
    ConflictError,
    ForbiddenError,
    IdempotencyMismatchError,
    InsufficientCreditsError,
    NotFoundError,
    Replenish,
    ValidationError,
    new_idempotency_key,
)
from support.world import BASE_URL, World

pytestmark = pytest.mark.anyio


def untyped_amounts(value: object, where: str = "") -> list[str]:
    """Texts that look like amounts: an attribute that should have been a Decimal."""
    if isinstance(value, msgspec.Struct):
        return [
            found
            for name in value.__struct_fields__
            for found in untyped_amounts(getattr(value, name), f"{where}.{name}")
        ]
    if isinstance(value, str):
        return [where] if re.fullmatch(r"-?\d+(\.\d+)?", value) else []
    if isinstance(value, Sequence):
        return [found for each in value for found in untyped_amounts(each, f"{where}[]")]
    return []


def test_ben_sells_credits_and_ann_uses_them(client: Replenish):
    meter = client.meters.create(name="API calls", event_name="api_calls", unit="call", credits_per_unit="0.5")
    currency = client.payment_currencies.update(meter.currency_id, name="Calls", overdraft_policy="none")
    campaign = client.campaigns.create(name="Spring", metadata={"budget": 12.5, "open": True, "note": None})
    product = client.products.create(name="Pack", type="credit", campaign_id=campaign.id, lookup_key="pack")
    price = client.prices.create(
        product_id="pack",
        currency_id="USD",
        unit_amount=10,
        currency_options=[{"currency_id": "USDC", "unit_amount": Decimal("9.5")}],
        credit_config={
            "currency_id": currency.id,
            "credit_amount": 200_000,
            "valid_duration_value": 1,
            "valid_duration_unit": "years",
            "scope": ["api_calls"],
        },
    )
    topped = client.payment_currencies.update_recharge_config(
        currency.id, base_price_id=price.id, max_recharge_amount=50
    )
    assert topped.recharge_config is not None
    assert topped.recharge_config.max_recharge_amount == 50
    config = client.payment_currencies.retrieve_recharge_config(currency.id)

    ann = client.customers.create(external_id="ann/and+co", name="Ann")
    grant = client.credit_grants.create(customer_id=ann.id, currency_id=currency.id, amount="20.25", category="paid")
    until = datetime.now(UTC) + timedelta(days=30)
    gift = client.adjustments.create(
        customer_id=ann.id, currency_id=currency.id, amount=5, reason="sorry", expires_at=until
    )
    recorded = client.usage.record(
        customer_id="ann/and+co", meter_id="api_calls", value=Decimal("1.5"), idempotency_key=new_idempotency_key()
    )
    assert (recorded.event.price, recorded.event.debit, recorded.balance) == (
        Decimal("0.75"),
        Decimal("0.75"),
        Decimal("24.5"),
    )
    reversal = client.usage_events.reverse(recorded.event.id, reason="test run")
    assert reversal.returned == Decimal("0.75")

    with pytest.raises(InsufficientCreditsError) as short:
        client.usage.record(customer_id=ann.id, meter_id=meter.id, value=51, idempotency_key="job-1")
    assert (short.value.required, short.value.available) == (Decimal("25.5"), Decimal("25.25"))
    assert (short.value.balance, short.value.owed) == (Decimal("25.25"), Decimal(0))
    assert short.value.top_up_url is not None
    assert short.value.top_up_url.startswith(f"{config.url}?for={ann.id}.")

    voided = client.credit_grants.void(grant.id)
    assert (voided.status, voided.remaining) == ("voided", 0)
    balance = client.customers.balance(ann.id, currency.id)
    assert balance.balance == 5
    assert [each.balance for each in client.customers.balances(ann.id)] == [5]
    lines = list(client.credit_transactions.list(customer_id=ann.id, limit=2))
    assert [line.line for line in lines] == list(range(len(lines), 0, -1))
    assert lines[0].balance_after == 5
    events = list(client.usage_events.list(customer_id=ann.id))
    assert [event.reversal for event in events] == [reversal]

    link = client.payment_links.list(price_id=price.id).first()
    seen = [meter, topped, campaign, product, price, config, ann, grant, gift, recorded, reversal, voided, balance]
    assert untyped_amounts([*seen, *lines, *events, link, client.events.list().page().data]) == []


def test_rates_are_given_and_shown_with_exact_amounts(client: Replenish):
    tiers = {
        "type": "graduated",
        "tiers": [{"up_to": 10, "credits_per_unit": "1"}, {"up_to": None, "credits_per_unit": "0.5"}],
    }
    meter = client.meters.create(
        name="Tokens",
        event_name="tokens",
        unit="token",
        rate=tiers,
        rate_card=[
            {
                "properties": {"model": ["small", "tiny"]},
                "rate": {"type": "package", "package_size": 1000, "credits_per_package": Decimal("0.25")},
            },
            {"properties": {"model": "large"}, "rate": {"type": "flat", "credits_per_unit": 2}},
        ],
        unmatched="reject",
    )
    assert (meter.rate.type, meter.credits_per_unit, meter.unmatched) == ("graduated", None, "reject")
    assert [(tier.up_to, tier.credits_per_unit) for tier in meter.rate.tiers] == [(10, 1), (None, Decimal("0.5"))]
    packages, flat = meter.rate_card
    assert (packages.properties, packages.rate.package_size) == ({"model": ["small", "tiny"]}, 1000)
    assert (packages.rate.credits_per_package, flat.rate.credits_per_unit) == (Decimal("0.25"), 2)
    client.customers.create(external_id="ann")
    client.credit_grants.create(customer_id="ann", currency_id=meter.currency_id, amount=10, category="paid")
    recorded = client.usage.record(
        customer_id="ann", meter_id="tokens", value=1001, properties={"model": "tiny"}, idempotency_key="job-1"
    )
    assert recorded.event.rating is not None
    assert [(part.units, part.rate) for part in recorded.event.rating.parts] == [(2, Decimal("0.25"))]
    assert untyped_amounts([meter, recorded]) == []
    with pytest.raises(ValueError, match=r"rate.tiers\[0\].up_to"):
        client.meters.update("tokens", rate=tiers | {"tiers": [{"up_to": "ten", "credits_per_unit": 1}]})
    assert client.meters.update("tokens", rate={"type": "flat", "credits_per_unit": "3"}).credits_per_unit == 3


def test_batches_answer_for_each_event_alone(client: Replenish):
    meter = client.meters.create(name="API calls", event_name="api_calls", unit="call")
    client.customers.create(external_id="ann")
    client.credit_grants.create(customer_id="ann", currency_id=meter.currency_id, amount=100)
    results = client.usage.record_many(
        [
            {"customer_id": "ann", "meter_id": "api_calls", "idempotency_key": f"job-{n}", "value": value}
            for n, value in enumerate([60, "60", Decimal(30)])
        ]
        + [{"customer_id": "nobody", "meter_id": "api_calls", "idempotency_key": "job-9"}]
    )
    assert [result.status for result in results] == ["recorded", "refused", "recorded", "refused"]
    assert [result.balance for result in results] == [40, None, 10, None]
    short, unknown = results[1].refusal, results[3].refusal
    assert short is not None
    assert unknown is not None
    error = short.as_error()
    assert isinstance(error, InsufficientCreditsError)
    assert (error.required, error.available, error.top_up_url) == (60, 40, None)
    assert isinstance(unknown.as_error(), NotFoundError)


def test_budgets_refuse_and_a_check_says_so_before(client: Replenish):
    meter = client.meters.create(name="API calls", event_name="api_calls", unit="call")
    client.customers.create(external_id="ann")
    client.credit_grants.create(customer_id="ann", currency_id=meter.currency_id, amount=100)
    budget = client.budgets.create(
        customer_id="ann", currency_id=meter.currency_id, limit=10, window="none", label_property="team", label="search"
    )
    assert (budget.limit, budget.spent, budget.remaining, budget.window_ends_at) == (10, 0, 10, None)
    use = {"customer_id": "ann", "meter_id": "api_calls", "properties": {"team": "search"}}
    asked = client.usage.check(**use, value=11)
    assert (asked.allowed, asked.code, asked.budget_id) == (False, "budget_exceeded", budget.id)
    assert (asked.required, asked.available, asked.budgets[0].remaining) == (11, 100, 10)
    held = client.holds.create(**use, value=4)
    assert held.properties == {"team": "search"}
    with pytest.raises(BudgetExceededError) as refused:
        client.usage.record(**use, value=7, idempotency_key="job-1")
    error = refused.value
    assert (error.budget_id, error.required, error.limit, error.spent, error.held) == (budget.id, 7, 10, 0, 4)
    assert error.window_ends_at is None
    (result,) = client.usage.record_many([{**use, "value": 7, "idempotency_key": "job-1"}])
    assert result.refusal is not None
    alone = result.refusal.as_error()
    assert isinstance(alone, BudgetExceededError)
    assert (alone.budget_id, alone.required, alone.held) == (budget.id, 7, 4)
    client.budgets.update(budget.id, limit="11")
    assert client.usage.record(**use, value=7, idempotency_key="job-1").balance == 89
    day = client.budgets.create(customer_id="ann", currency_id=meter.currency_id, limit=1, window="day")
    refusal = client.usage.record_many([{**use, "properties": {}, "value": 2, "idempotency_key": "job-2"}])[0].refusal
    assert refusal is not None
    again = refusal.as_error()
    assert isinstance(again, BudgetExceededError)
    assert again.window_ends_at == refusal.window_ends_at == day.window_ends_at
    assert [each.id for each in client.budgets.list(customer_id="ann")] == [day.id, budget.id]
    client.budgets.delete(day.id)
    with pytest.raises(NotFoundError):
        client.budgets.retrieve(day.id)
    assert untyped_amounts([budget, asked, held, client.budgets.labels(budget.id).page().data]) == []


def test_refusals_of_the_real_server(client: Replenish):
    ann = client.customers.create(external_id="ann", idempotency_key="ann-1")
    assert client.customers.create(external_id="ann", idempotency_key="ann-1") == ann
    with pytest.raises(IdempotencyMismatchError):
        client.customers.create(external_id="ben", idempotency_key="ann-1")
    with pytest.raises(ConflictError) as taken:
        client.customers.create(external_id="ann")
    assert taken.value.code == "external_id_taken"
    with pytest.raises(NotFoundError):
        client.customers.retrieve("ben")
    with pytest.raises(ValidationError) as wrong:
        client.customers.update("ann", email="nowhere")
    assert [error.field for error in wrong.value.errors] == ["email"]
    assert wrong.value.request_id is not None
    # Strange keys are one segment of the path, whatever is in it.
    for key in ("a b", "ä", "a?b", "a#b", "a%2Fb", "a&limit=1", "..."):
        assert client.customers.create(external_id=key).external_id == key
        assert client.customers.retrieve(key).external_id == key


def test_keys_open_only_their_scopes(client: Replenish):
    made = client.api_keys.create(name="reports", scopes=["read"])
    assert made.secret is not None
    assert made.secret not in repr(made)
    with Replenish(made.secret, client._options.base_url) as reader:
        assert reader.workspace.retrieve().mode == "test"
        with pytest.raises(ForbiddenError):
            reader.campaigns.create(name="Spring")
        rotated = client.api_keys.rotate(made.id, grace_seconds=0)
        assert rotated.secret is not None
        assert client.api_keys.revoke(rotated.id).revoked_at is not None
    with Replenish("rk_test_nobody", client._options.base_url) as stranger, pytest.raises(AuthenticationError):
        stranger.workspace.retrieve()


def test_the_test_clock_moves_credits_past_their_end(client: Replenish):
    meter = client.meters.create(name="API calls", event_name="api_calls", unit="call")
    client.customers.create(external_id="ann")
    now = client.test_clock.retrieve().now
    client.credit_grants.create(
        customer_id="ann", currency_id=meter.currency_id, amount=7, expires_at=now + timedelta(days=1)
    )
    assert client.test_clock.move(now + timedelta(days=2)).test_clock == now + timedelta(days=2)
    assert client.customers.balance("ann", meter.currency_id).balance == 0


async def test_the_asynchronous_client_does_the_same(async_client: AsyncReplenish):
    for number in range(5):
        await async_client.customers.create(external_id=f"ann-{number}", name="Ann")
    listed = async_client.customers.list(limit=2)
    assert [customer.external_id async for customer in listed] == [f"ann-{number}" for number in range(4, -1, -1)]
    assert [len(page.data) async for page in listed.pages()] == [2, 2, 1]
    first = await listed.first()
    assert first is not None
    assert first.external_id == "ann-4"
    session = await async_client.portal_sessions.create(customer_id="ann-0")
    assert session.url is not None
    assert (await async_client.portal_sessions.end(session.id)).ended_at is not None


class LosesReplies(httpx.AsyncBaseTransport):
    """Carries every request, and loses the answer to the first of each kind."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.lost: set[tuple[str, str]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        kind = (request.method, request.url.path)
        if kind not in self.lost:
            self.lost.add(kind)
            raise httpx.ReadError("the cable was pulled", request=request)
        return answer


async def test_law_07_a_lost_answer_has_no_second_effect(world: World, monkeypatch):
    async def no_nap(_: float) -> None:
        return

    monkeypatch.setattr("anyio.sleep", no_nap)
    transport = LosesReplies(httpx.ASGITransport(app=world.app))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        AsyncReplenish(world.api.key, BASE_URL, http_client=http) as client,
    ):
        meter = await client.meters.create(name="API calls", event_name="api_calls", unit="call")
        await client.customers.create(external_id="ann")
        await client.credit_grants.create(customer_id="ann", currency_id=meter.currency_id, amount=100)
        recorded = await client.usage.record(customer_id="ann", meter_id="api_calls", idempotency_key="job-1", value=40)
        assert recorded.replayed
        await client.adjustments.create(customer_id="ann", currency_id=meter.currency_id, amount=-10, reason="fee")
        assert (await client.customers.balance("ann", meter.currency_id)).balance == 50
        assert len((await client.credit_grants.list(customer_id="ann").page()).data) == 1
    assert len(transport.lost) == 7


def test_metadata_comes_back_as_it_went(client: Replenish):
    given: Mapping[str, str | int | float | bool | None] = {"a": "x", "b": 1, "c": 1.5, "d": True, "e": None}
    made = client.campaigns.create(name="Spring", metadata=given)
    assert client.campaigns.retrieve(made.number).metadata == given
    assert client.campaigns.update(made.id, archived=True).archived_at is not None


def test_buying_and_standing_orders(client: Replenish):
    meter = client.meters.create(name="API calls", event_name="api_calls", unit="call")
    product = client.products.create(name="Pack", type="credit")
    price = client.prices.create(
        product_id=product.id,
        currency_id="USD",
        unit_amount="10",
        credit_config={"currency_id": meter.currency_id, "credit_amount": "1000"},
    )
    client.payment_currencies.update_recharge_config(meter.currency_id, base_price_id=price.id)
    ann = client.customers.create(external_id="ann", email="ann@example.com")

    quote = client.topups.quote(price_id=price.id, quantity=3, customer_id="ann")
    assert (quote.amount, quote.credits, quote.balance_after) == (30, 3000, 3000)
    with pytest.raises(ApiError):  # Ann has saved no payment method yet
        client.topups.create(customer_id="ann", price_id=price.id)
    session = client.checkout_sessions.create(
        customer_id="ann", price_id=price.id, quantity=2, success_url="https://example.com/done"
    )
    assert session.customer_id == ann.id
    assert [each.id for each in client.checkout_sessions.list(customer_id="ann")] == [session.id]
    assert client.checkout_sessions.expire(session.id).state == "expired"

    saved = client.recharge_rules.save(
        customer_id="ann",
        credit_currency_id=meter.currency_id,
        enabled=False,
        threshold=Decimal(500),
        month_amount_max=20,
    )
    rule = client.recharge_rules.retrieve(saved.rule.id)
    assert (rule.status, rule.threshold, rule.month_amount_max, saved.charges_now) == ("off", 500, 20, False)
    with pytest.raises(ValidationError) as wrong:
        client.recharge_rules.save(
            customer_id="ann", credit_currency_id=meter.currency_id, enabled=False, threshold=500, charge_amount_max=5
        )
    assert [error.field for error in wrong.value.errors] == ["charge_amount_max"]
    assert untyped_amounts([quote, session, saved, rule]) == []
    for listed in (client.topups, client.payments, client.payment_methods, client.recharge_attempts):
        assert list(listed.list(customer_id="ann")) == []
