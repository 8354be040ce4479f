"""The one statement that debits what is plain gives the answers of the books in memory, and the same rows (laws 3, 5, 6, 7)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.books import START, Bench, lay, set_clock
from tests.ledger.twins import EVENTS, LOTS, lots_of, reported, rows, stage, told

from replenish.core.db import Database
from replenish.core.money import Credits
from replenish.flows import record_usage as flow
from replenish.flows.record_usage import Recorded, record_usage
from replenish.reports.verify import verify

pytestmark = pytest.mark.anyio


@given(lots=LOTS, batches=st.lists(EVENTS, min_size=1, max_size=4), held=st.booleans(), later=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_laws_03_05_06_07_plain_debits_are_those_of_the_books(
    db: Database, lots: list[dict[str, Any]], batches: list[list[dict[str, Any]]], held: bool, later: bool
) -> None:
    ours, theirs = await stage(db, lots, held=held), await stage(db, lots, held=held)
    for bench in (ours, theirs) if later else ():
        await set_clock(db, bench, START + timedelta(hours=2))
    for batch in batches:
        quick = await record_usage(db, events=[reported(ours, event) for event in batch])
        with mock.patch.object(flow, "_record_plain", mock.AsyncMock(return_value={})):
            slow = await record_usage(db, events=[reported(theirs, event) for event in batch])
        assert [told(ours, await lots_of(db, ours), one) for one in quick] == [
            told(theirs, await lots_of(db, theirs), one) for one in slow
        ]
        assert await rows(db, ours) == await rows(db, theirs)


async def plainly(db: Database, bench: Bench, *events: dict[str, Any]) -> int:
    """How many events went the plain way."""
    base = {"meter": "a", "value": "1", "ago": None, "shortfall": None}
    found = await flow._record_plain(db, events=[reported(bench, base | event) for event in events])
    return len(found)


async def test_what_is_plain_and_what_is_not(db: Database) -> None:
    """Each row alone: the path must not be dead, and must not take what it cannot answer."""
    bench = await stage(
        db,
        [{"amount": "11.3", "priority": 50, "category": "paid", "hours": 24, "starts": None, "scope": ""}],
        held=False,
    )
    assert await plainly(db, bench, {"key": 1}, {"key": 2, "meter": "b"}, {"key": 3, "meter": None}) == 3
    assert await plainly(db, bench, {"key": 8, "meter": "packaged", "value": "0.5"}, {"key": 9, "meter": "carded"}) == 2
    assert await plainly(db, bench, {"key": 4, "meter": "tiered"}) == 0, "what it costs hangs on what was before it"
    assert await plainly(db, bench, {"key": 1}) == 0, "a replay is answered from its event"
    assert await plainly(db, bench, {"key": 4}, {"key": 4}) == 0, "a key used twice in one batch"
    assert await plainly(db, bench, {"key": 5, "value": "8"}) == 0, "more than there is"
    assert await plainly(db, bench, {"key": 5, "value": "7"}) == 0, "a lot that is emptied is closed by the books"
    assert await plainly(db, bench, {"key": 6, "ago": timedelta(days=36)}) == 0
    assert await plainly(db, bench, {"key": 6, "ago": timedelta(days=34)}) == 1
    await set_clock(db, bench, START + timedelta(hours=24))
    assert await plainly(db, bench, {"key": 7}) == 0, "an expiry is due"
    assert (await verify(db)).clean


async def test_law_06_nothing_is_plain_while_something_is_owed_or_frozen(db: Database) -> None:
    lot = {"amount": "10", "priority": 50, "category": "paid", "hours": None, "starts": None, "scope": "a"}
    bench = await stage(db, [lot], held=False)
    owing = {"key": 1, "meter": "b", "value": "1", "ago": None, "shortfall": "owe"}
    assert await plainly(db, bench, {"key": 0}) == 1
    await record_usage(db, events=[reported(bench, owing)])
    assert await plainly(db, bench, {"key": 2}) == 0
    await db.pool.execute("delete from owed_items where customer_id = $1", bench.ann)
    await db.pool.execute("update wallets set owed = 0, spent = spent - 1 where customer_id = $1", bench.ann)
    assert await plainly(db, bench, {"key": 2}) == 1
    for freeze in (
        "update wallets set frozen_at = now()",
        "update wallets set frozen_at = null, customer_frozen_at = now()",
    ):
        await db.pool.execute(freeze)
        assert await plainly(db, bench, {"key": 3}) == 0


@pytest.mark.parametrize(
    ("carry", "plain", "debited"),
    [("-0.001", 0, "1"), ("0", 1, "1"), ("0.009", 1, "1.01"), ("0.01", 0, "1.01"), ("0.0199", 0, "1.02")],
)
async def test_law_05_a_carry_beyond_its_unit_is_for_the_books(
    db: Database, carry: str, plain: int, debited: str
) -> None:
    """Found by the random walk: reversed events left a carry of more than a unit, and no event took it."""
    lot = {"amount": "10", "priority": 50, "category": "paid", "hours": None, "starts": None, "scope": ""}
    bench = await stage(db, [lot], held=False)
    await db.pool.execute("update wallets set carry = $1", Decimal(carry))
    event = {"meter": "a", "value": "1.001", "ago": None, "shortfall": None}
    assert await plainly(db, bench, event | {"key": 1}) == plain
    (outcome,) = await record_usage(db, events=[reported(bench, event | {"key": 1})])
    assert isinstance(outcome, Recorded)
    assert outcome.event.debit == Credits(Decimal(debited))


async def test_law_03_the_first_lot_in_burn_order_pays(db: Database) -> None:
    """Each lot comes before the ones above it, for one reason of the order each; debits of 1 walk down them."""
    base = {"amount": "10", "priority": 50, "category": "paid", "hours": None, "starts": None, "scope": ""}
    steps = [
        {},
        {"category": "promotional"},
        {"hours": 24},
        {"hours": 2},
        {"priority": 10},
        {"priority": 10, "scope": "a"},
    ]
    bench = await lay(db)
    for key, change in enumerate(steps):
        lots = [base | one for one in steps[: key + 1]]
        bench = await stage(db, lots, held=False)
        (outcome,) = (
            await flow._record_plain(
                db, events=[reported(bench, {"key": key, "meter": "b", "value": "1", "ago": None, "shortfall": None})]
            )
        ).values()
        expected = key if "scope" not in change else key - 1
        assert outcome.event.lot_ids == ((await lots_of(db, bench))[expected],)
    assert await plainly(db, bench, {"key": 90}, {"key": 91, "meter": "b"}) == 2, "the oldest of two equals covers both"


async def test_law_02_a_wallet_below_its_line_is_marked_by_a_plain_debit(db: Database) -> None:
    lot = {"amount": "10", "priority": 50, "category": "paid", "hours": None, "starts": None, "scope": ""}
    bench = await stage(db, [lot], held=False)
    await db.pool.execute("update wallets set act_below = 8 where customer_id = $1", bench.ann)
    for key, marked in ((1, 0), (2, 0), (3, 1), (4, 1)):
        assert await plainly(db, bench, {"key": key}) == 1
        assert await db.pool.fetchval("select count(*) from wallets_due where customer_id = $1", bench.ann) == marked


async def test_law_16_a_plain_debit_keeps_to_its_workspace(db: Database) -> None:
    lot = {"amount": "10", "priority": 50, "category": "paid", "hours": None, "starts": None, "scope": ""}
    bench, other = await stage(db, [lot], held=False), await lay(db)
    foreign = msgspec.structs.replace(bench, workspace_id=other.workspace_id)
    assert await plainly(db, foreign, {"key": 1}) == 0
    assert await plainly(db, bench, {"key": 1}) == 1
