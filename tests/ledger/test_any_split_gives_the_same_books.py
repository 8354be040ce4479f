"""However a list of events is split into batches, the books are the same (laws 3, 5, 6, 7)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.books import START, Bench, set_clock
from tests.ledger.twins import EVENT, LOTS, lots_of, reported, rows, stage, told

from replenish.core.db import Database
from replenish.flows.record_usage import NewUsage, Outcome, Recorded, Refused, record_usage
from replenish.reports.verify import verify

pytestmark = pytest.mark.anyio


def batches(events: Sequence[dict[str, Any]], cuts: Sequence[int]) -> list[Sequence[dict[str, Any]]]:
    ends = sorted({cut for cut in cuts if 0 < cut < len(events)})
    return [events[start:end] for start, end in zip([0, *ends], [*ends, len(events)], strict=True)]


async def record(db: Database, bench: Bench, split: Sequence[Sequence[dict[str, Any]]]) -> list[object]:
    """What each event was told, in order."""
    outcomes: list[Outcome] = []
    for batch in split:
        outcomes += await record_usage(db, events=[reported(bench, event) for event in batch])
    lots = await lots_of(db, bench)
    return [told(bench, lots, alone(outcome)) for outcome in outcomes]


def alone(outcome: Outcome) -> Outcome:
    """A replay also says what the balance is by now, which is that of its own batch."""
    return (
        Recorded(outcome.event, outcome.replayed, outcome.event.balance_after)
        if isinstance(outcome, Recorded)
        else outcome
    )


async def summed(db: Database, bench: Bench) -> object:
    """The rows, with transfers added up: those of usage are gathered by batch."""
    moved = await db.pool.fetch(
        "select kind, from_account, to_account, lot_id is null as bare, sum(amount) as amount from transfers"
        " where customer_id = $1 group by 1, 2, 3, 4 order by 1, 2, 3, 4",
        bench.ann,
    )
    return *(await rows(db, bench))[:-1], [dict(each) for each in moved]


@given(
    lots=LOTS,
    events=st.lists(EVENT, min_size=2, max_size=12),
    cuts=st.lists(st.integers(1, 11), max_size=6),
    held=st.booleans(),
    later=st.booleans(),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_laws_03_05_06_07_any_split_into_batches_gives_the_same_books(
    db: Database,
    lots: list[dict[str, Any]],
    events: list[dict[str, Any]],
    cuts: list[int],
    held: bool,
    later: bool,
) -> None:
    ways = [[events], batches(events, cuts), [[event] for event in events]]
    benches = [await stage(db, lots, held=held) for _ in ways]
    for bench in benches if later else ():
        await set_clock(db, bench, START + timedelta(hours=2))
    answers = [await record(db, bench, way) for bench, way in zip(benches, ways, strict=True)]
    books = [await summed(db, bench) for bench in benches]
    assert answers[0] == answers[1] == answers[2]
    assert books[0] == books[1] == books[2]


async def test_the_twins_are_told_and_have_something_to_tell(db: Database) -> None:
    """The comparison above is of events that were recorded, not of nothing with nothing."""
    lot = {"amount": "100", "priority": 50, "category": "paid", "hours": None, "starts": None, "scope": ""}
    bench = await stage(db, [lot], held=True)
    base = {"meter": "tiered", "value": "2.5", "ago": None, "shortfall": None}
    answers = await record(db, bench, [[base | {"key": 1}, base | {"key": 2}], [base | {"key": 1}]])
    assert len(answers) == 3
    # 2.5 at 0.7, then 0.5 at 0.7 and 2 at 0.333: prices add up, debits follow with the carry.
    wallet = await db.pool.fetchrow("select spent, carry from wallets where customer_id = $1", bench.ann)
    assert wallet is not None
    assert f"{wallet['spent'] + wallet['carry']:f}" == "2.7660"
    assert (await verify(db)).clean


@pytest.mark.parametrize("where", ["_plain_usage.charge_of", "record_usage.fingerprint", "record_usage.charge_of"])
async def test_an_event_that_nobody_foresaw_fails_alone(db: Database, where: str) -> None:
    """A fault of the program, met by one event, is not that of the others gathered with it."""
    lot = {"amount": "100", "priority": 50, "category": "paid", "hours": None, "starts": None, "scope": ""}
    bench = await stage(db, [lot], held=False)
    module, _, name = where.partition(".")
    whole = f"replenish.flows.{module}"
    right = getattr(importlib.import_module(whole), name)

    def wrong(event: NewUsage, **facts: object) -> object:
        if event.key == "job-2":
            raise ZeroDivisionError
        return right(event, **facts)

    base = {
        "meter": "a" if where == "_plain_usage.charge_of" else "tiered",
        "value": "1",
        "ago": None,
        "shortfall": None,
    }
    events = [reported(bench, base | {"key": key}) for key in (1, 2, 3)]
    with mock.patch(f"{whole}.{name}", wrong):
        first, second, third = await record_usage(db, events=events)
    assert isinstance(first, Recorded)
    assert isinstance(third, Recorded)
    if where != "_plain_usage.charge_of":
        assert isinstance(second, Refused)
        assert second.refusal.own_code == "unavailable"
        # Nothing of it is there: sent again, it is recorded.
        (second,) = await record_usage(db, events=events[1:2])
    assert isinstance(second, Recorded)
    assert not second.replayed
    assert (await verify(db)).clean
