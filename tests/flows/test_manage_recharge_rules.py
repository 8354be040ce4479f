"""Law 12: nothing is charged that nobody agreed to, and what could never work is not saved."""

from decimal import Decimal

import asyncpg
import pytest
from tests.flows.recharge_stage import DECLINES, MASTERCARD, START, VISA, Stage, set_up

from replenish.access.model import RequestKey
from replenish.catalog import queries as catalog
from replenish.core import ids
from replenish.core.db import Database
from replenish.core.errors import Conflict, Invalid, NotFound
from replenish.core.money import Credits
from replenish.flows import manage_recharge_rules as rules
from replenish.flows.manage_customers import create_customer
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.recharge import queries
from replenish.recharge.model import ConsentOutdated, Draft, GivenConsent

pytestmark = pytest.mark.anyio
SAID = GivenConsent(actor="key_", wording="Ann ticked the box on our page.")


@pytest.fixture
async def stage(db: Database, sandbox: Sandbox) -> Stage:
    return await set_up(db, sandbox)


async def save(stage: Stage, draft: Draft, consent: GivenConsent | None = None, **fields: object) -> rules.Saved:
    where = {
        "db": stage.db,
        "providers": stage.providers,
        "workspace_id": stage.workspace_id,
        "customer_id": stage.ann,
        "currency_id": stage.currency.id,
    }
    return await rules.save_rule(**(where | fields), draft=draft, consent=consent)


async def test_law_12_off_by_default_and_a_purchase_never_switches_it_on(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    await stage.buy(card)
    assert await queries.rules(stage.db, workspace_id=stage.workspace_id) == []
    await save(stage, stage.draft(card, enabled=False))
    await stage.buy(card)
    await stage.use(1_000)
    await stage.work()
    assert (await stage.rule()).enabled is False
    assert (await stage.attempts(), await stage.charged()) == ([], 20)


async def test_law_12_switching_on_is_refused_without_consent_and_recorded_with_it(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    with pytest.raises(Invalid) as refused:
        await save(stage, stage.draft(card))
    assert refused.value.own_code == "consent_required"
    rule = await stage.set_rule(card, month_amount_max=Decimal(20))
    (consent,) = await queries.consents(stage.db, customer_id=stage.ann, rule_id=rule.id)
    assert (consent.actor, consent.ip, consent.created_at) == ("customer", "203.0.113.9", START)
    assert consent.wording == (
        "I allow Acme to charge Visa ···· 4242 without asking me again whenever my balance falls below 150 credits:"
        " 1 pack (200 credits) for 10 USDC, or as many times that as it takes to reach 150 credits again;"
        " at most 20 USDC a month. I can switch this off at any time."
    )
    assert (consent.terms.unit_amount, consent.terms.currency, consent.terms.month_amount_max) == ("10", "USDC", "20")
    assert rule.consent_id == consent.id
    with pytest.raises(asyncpg.PostgresError):
        await stage.db.pool.execute("update consents set wording = 'anything'")


async def test_law_12_what_the_customer_reads_is_what_is_saved(stage: Stage) -> None:
    draft = stage.draft(await stage.save_card(VISA))
    read_before = GivenConsent(actor="customer", wording="I allow Acme to charge 9 USDC.")
    with pytest.raises(ConsentOutdated):
        await save(stage, draft, read_before)


async def test_law_12_lowering_needs_no_consent_and_raising_does(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    await stage.give(500)
    first = await stage.set_rule(card, month_amount_max=Decimal(30))
    lower = stage.draft(card, month_amount_max=Decimal(20), threshold=Credits(100))
    await save(stage, lower)
    assert (await stage.rule()).consent_id == first.consent_id
    with pytest.raises(Invalid):
        await save(stage, stage.draft(card, month_amount_max=Decimal(21), threshold=Credits(100)))
    await save(stage, stage.draft(card, month_amount_max=Decimal(21), threshold=Credits(100)), SAID)
    assert len(await queries.consents(stage.db, customer_id=stage.ann, rule_id=first.id)) == 2
    assert await stage.told() == ["recharge_rule.enabled", "recharge_rule.changed", "recharge_rule.changed"]


async def test_saving_below_the_threshold_charges_now(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    assert (await stage.agree(stage.draft(card))).charges_now
    await stage.work()
    assert await stage.story() == ["succeeded 1"]
    assert not (await stage.agree(stage.draft(card, packs=2))).charges_now


async def test_law_12_a_rule_names_what_is_its_own_customer_s_and_currency_s(stage: Stage) -> None:
    card = await stage.save_card(VISA)
    ben = await create_customer(db=stage.db, workspace_id=stage.workspace_id, external_id="ben")
    bens = await stage.save_card(MASTERCARD, customer_id=ben)
    usd = await catalog.find_currency(stage.db, workspace_id=stage.workspace_id, key="USD")
    wrong = [
        (stage.draft(bens), "payment_method_id"),
        (stage.draft(None), "payment_method_id"),
        (stage.draft(card, price_id=ids.PRICE.new()), "price_id"),
        (stage.draft(card, currency_id=usd.id), "price_id"),
        (stage.draft(card, threshold=Credits(200)), "packs"),
        (stage.draft(card, month_amount_max=Decimal("9.99")), "month_amount_max"),
        (stage.draft(card, threshold=Credits(Decimal("0.001"))), "threshold"),
    ]
    for draft, field in wrong:
        with pytest.raises(Invalid) as refused:
            await save(stage, draft, SAID)
        assert refused.value.field == field
    with pytest.raises(Invalid):
        await save(stage, stage.draft(card), SAID, currency_id=stage.usdc.id)
    with pytest.raises(NotFound):
        await save(stage, stage.draft(card), SAID, customer_id=ids.CUSTOMER.new())
    assert await queries.rules(stage.db, workspace_id=stage.workspace_id) == []


async def test_law_16_another_s_rule_and_attempt_are_not_found(stage: Stage) -> None:
    rule = await stage.set_rule(await stage.save_card(VISA))
    await stage.work()
    (attempt,) = await stage.attempts()
    ben = await create_customer(db=stage.db, workspace_id=stage.workspace_id, external_id="ben")
    where = {"db": stage.db, "workspace_id": stage.workspace_id, "rule_id": rule.id}
    for customer_id, workspace_id in ((ben, stage.workspace_id), (None, ids.WORKSPACE.new())):
        there = where | {"workspace_id": workspace_id, "customer_id": customer_id}
        for act in (rules.disable_rule, rules.resume_rule):
            with pytest.raises(NotFound):
                await act(**there)
        with pytest.raises(NotFound):
            await queries.attempt(stage.db, workspace_id=workspace_id, attempt_id=attempt.id, customer_id=customer_id)
    assert (await stage.rule()).enabled


async def test_law_07_the_same_request_saves_once(stage: Stage) -> None:
    draft = stage.draft(await stage.save_card(VISA))
    key = RequestKey(workspace_id=stage.workspace_id, key="k", fingerprint=b"1")
    first = await save(stage, draft, SAID, request_key=key)
    again = await save(stage, draft, SAID, request_key=key)
    assert (again.rule_id, again.replayed) == (first.rule_id, True)
    assert await stage.told() == ["recharge_rule.enabled"]
    other = RequestKey(workspace_id=stage.workspace_id, key="k", fingerprint=b"2")
    with pytest.raises(Conflict):
        await save(stage, draft, SAID, request_key=other)


async def test_switching_off_and_on_again_is_an_explicit_act_that_ends_a_suspension(stage: Stage) -> None:
    card = await stage.save_card(DECLINES)
    rule = await stage.set_rule(card)
    await stage.work()
    await rules.disable_rule(db=stage.db, workspace_id=stage.workspace_id, rule_id=rule.id)
    await stage.agree(stage.draft(card))
    await stage.work()
    assert await stage.story() == ["declined card_declined"] * 2
    assert (await stage.rule()).declines_in_a_row == 1


async def test_usage_on_a_wallet_whose_rule_is_off_wakes_no_worker(stage: Stage) -> None:
    rule = await stage.set_rule(await stage.save_card(VISA))
    await stage.work()
    await rules.disable_rule(db=stage.db, workspace_id=stage.workspace_id, rule_id=rule.id)
    await stage.use(500)
    assert await stage.db.pool.fetchval("select count(*) from wallets_due") == 0
