"""The worker's loop over due wallets and ended links."""

import pytest
from tests.flows.recharge_crashes import Interrupted, die
from tests.flows.recharge_stage import ASKS, VISA, Stage, set_up

from replenish.core.db import Database
from replenish.core.errors import NotFound
from replenish.core.ids import RECHARGE_ATTEMPT
from replenish.core.settings import Settings
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.recharge.links import is_genuine, link_to_confirm
from replenish.recharge.model import status_of
from replenish.reports.recharge_confirmation import NothingToConfirm, page_to_confirm
from replenish.worker.recharge import SIDE_BY_SIDE, end_expired_links, recharge_due_wallets

pytestmark = pytest.mark.anyio
SETTINGS = Settings(database_url="", secret_key="x" * 32, base_url="http://127.0.0.1:8700")


@pytest.fixture
async def stage(db: Database, sandbox: Sandbox) -> Stage:
    return await set_up(db, sandbox)


async def test_an_idle_worker_finds_nothing_and_a_due_wallet_is_found_once(stage: Stage) -> None:
    assert await recharge_due_wallets(stage.db, providers=stage.providers, settings=SETTINGS) == 0
    await stage.set_rule(await stage.save_card(VISA))
    assert await recharge_due_wallets(stage.db, providers=stage.providers, settings=SETTINGS) == 1
    assert await recharge_due_wallets(stage.db, providers=stage.providers, settings=SETTINGS) == 0
    assert await stage.story() == ["succeeded 1"]


async def test_a_wallet_that_cannot_be_judged_waits_and_keeps_nobody_waiting(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(VISA))
    await stage.db.pool.execute("update workspaces set time_zone = 'Nowhere/Land'")
    # Another of those that look side by side may come to it in the instant before it is put off.
    assert 1 <= await recharge_due_wallets(stage.db, providers=stage.providers, settings=SETTINGS) <= SIDE_BY_SIDE
    assert await recharge_due_wallets(stage.db, providers=stage.providers, settings=SETTINGS) == 0
    await stage.db.pool.execute("update workspaces set time_zone = 'UTC'")
    await stage.db.pool.execute("update wallets_due set marked_at = now()")
    assert await recharge_due_wallets(stage.db, providers=stage.providers, settings=SETTINGS) == 1
    assert await stage.story() == ["succeeded 1"]


async def test_a_charge_that_fails_in_the_provider_is_logged_and_carried_on_by_the_reconciler(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(VISA))
    broken = {"sandbox": Interrupted(stage.sandbox, at="after_submit", what=die)}
    assert await recharge_due_wallets(stage.db, providers=broken, settings=SETTINGS) == 1
    await stage.reconcile()
    assert await stage.story() == ["succeeded 1"]


async def test_law_13_the_mailed_link_leads_to_the_bank_for_a_day_and_no_longer(stage: Stage) -> None:
    await stage.set_rule(await stage.save_card(ASKS))
    await stage.work()
    (attempt,) = await stage.attempts()
    assert status_of(await stage.rule(), open_attempt=attempt) == "waiting_for_customer"
    link = link_to_confirm(attempt.id, base_url=SETTINGS.base_url, secret_key=SETTINGS.secret_key)
    _, shown, given = link.rsplit("/", 2)
    assert RECHARGE_ATTEMPT.parse(shown) == attempt.id
    assert is_genuine(attempt.id, given, secret_key=SETTINGS.secret_key)
    assert not is_genuine(RECHARGE_ATTEMPT.new(), given, secret_key=SETTINGS.secret_key)
    assert not is_genuine(attempt.id, given, secret_key="y" * 32)
    assert "/providers/sandbox/" in await page_to_confirm(stage.db, attempt_id=attempt.id)
    with pytest.raises(NotFound):
        await page_to_confirm(stage.db, attempt_id=RECHARGE_ATTEMPT.new())
    await stage.wait(hours=24)
    with pytest.raises(NothingToConfirm):
        await page_to_confirm(stage.db, attempt_id=attempt.id)
    assert await end_expired_links(stage.db, providers=stage.providers) == 1
    assert await end_expired_links(stage.db, providers=stage.providers) == 0
    assert status_of(await stage.rule(), open_attempt=None) == "paused"
