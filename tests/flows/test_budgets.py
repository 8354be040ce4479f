"""Budgets in stories: what is counted, what is refused, and what comes back where (law 6: check and debit are one step)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import asyncpg
import pytest
from tests.flows.budget_stage import Stage, open_stage

from replenish.core.db import Database
from replenish.core.errors import Conflict, NotFound
from replenish.flows import record_usage as flow
from replenish.flows.adjust_credits import NewAdjustment, adjust_credits
from replenish.flows.expire_credits import book_due_wallets
from replenish.flows.hold_credits import extend_hold
from replenish.flows.record_usage import Recorded, Refused
from replenish.flows.reverse_usage import reverse_usage
from replenish.reports.verify import verify
from replenish.wallets import queries as wallets
from replenish.wallets.budget import BUDGETS_MAX, BudgetExceeded
from replenish.wallets.model import InsufficientCredits

pytestmark = pytest.mark.anyio

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
async def ann(db: Database):
    stage = await open_stage(db)
    yield stage
    verdict = await verify(db)
    assert verdict.clean, verdict.differences


async def test_law_06_a_batch_is_the_sequential_loop(ann: Stage) -> None:
    budget = await ann.limit("100")
    assert await ann.use("60", "60", "30") == ["60", "budget_exceeded", "30"]
    assert await ann.stands(budget) == ("90", "0")
    assert await ann.use("10.01") == ["budget_exceeded"]
    assert await ann.use("10") == ["10"]
    assert await ann.use("0.01", "0") == ["budget_exceeded", "0"]


async def test_law_07_a_refusal_leaves_its_key_free_and_says_the_numbers(ann: Stage) -> None:
    budget = await ann.limit("100", name="Ann's day")
    event = ann.event("100.5")
    (outcome,) = await ann.record(event)
    assert isinstance(outcome, Refused)
    assert {
        name: outcome.refusal.numbers[name] for name in ("required", "limit", "spent", "held", "window_ends_at")
    } == {
        "required": "100.5",
        "limit": "100",
        "spent": "0",
        "held": "0",
        "window_ends_at": "2027-01-02T00:00:00Z",
    }
    assert "Ann's day" in outcome.refusal.detail
    await ann.change(budget, limit=Decimal(101))
    (outcome,) = await ann.record(event)
    assert isinstance(outcome, Recorded)
    (again,) = await ann.record(event)
    assert isinstance(again, Recorded)
    assert again.replayed, "what is recorded is answered, whatever the budget says now"


async def test_a_budget_of_a_label_counts_its_events_only(ann: Stage) -> None:
    search = await ann.limit("10", label_property="team", label="search")
    assert await ann.use("10", team="search") == ["10"]
    assert await ann.use("1", team="search") == ["budget_exceeded"]
    assert await ann.use("100", team="ads") == ["100"]
    assert await ann.use("100") == ["100"]
    assert await ann.stands(search) == ("10", "0")


async def test_each_value_of_a_property_has_its_own_count(ann: Stage) -> None:
    users = await ann.limit("10", label_property="user")
    batch = [ann.event("6", user=user) for user in ("u_1", "u_2", "u_1", "u_3", "u_2")]
    outcomes = await ann.record(*batch)
    assert [isinstance(outcome, Recorded) for outcome in outcomes] == [True, True, False, True, False]
    assert await ann.use("4", user="u_1") == ["4"]
    assert await ann.labels(users) == {"u_1": ("10", "0"), "u_2": ("6", "0"), "u_3": ("6", "0")}
    assert (await ann.now(users)).standing is None
    assert await ann.use("50") == ["50"], "without the property it is nobody's"


async def test_several_budgets_must_all_have_room(ann: Stage) -> None:
    day, month = await ann.limit("20"), await ann.limit("30", "month")
    calls = await ann.limit("5", "none", meter="b")
    assert await ann.use("20", "1") == ["20", "budget_exceeded"]
    await ann.at(DAY)
    assert await ann.use("20", "10") == ["budget_exceeded", "10"]
    assert await ann.use("5", meter="b") == ["budget_exceeded"]
    assert (await ann.stands(day), await ann.stands(month), await ann.stands(calls)) == (
        ("10", "0"),
        ("30", "0"),
        ("0", "0"),
    )
    await ann.at(32 * DAY)
    assert await ann.use("6", "5", meter="b") == ["budget_exceeded", "5"]
    assert await ann.stands(calls) == ("5", "0")


@pytest.mark.parametrize(
    ("window", "zone", "before", "after"),
    [
        ("day", "UTC", DAY - timedelta(microseconds=1), DAY),
        ("day", "America/New_York", 5 * HOUR - timedelta(microseconds=1), 5 * HOUR),
        ("week", "UTC", 3 * DAY - timedelta(microseconds=1), 3 * DAY),
        ("month", "Europe/Berlin", 31 * DAY - HOUR - timedelta(microseconds=1), 31 * DAY - HOUR),
    ],
)
async def test_a_window_turns_to_the_microsecond(db: Database, window: str, zone: str, before, after) -> None:
    ann = await open_stage(db, zone=zone)
    budget = await ann.limit("10", window)
    assert await ann.use("10") == ["10"]
    await ann.at(before)
    assert await ann.use("1") == ["budget_exceeded"]
    turned = await ann.at(after)
    now = await ann.now(budget)
    assert now.window_start == turned
    assert await ann.use("7") == ["7"]
    assert await ann.stands(budget) == ("7", "0")
    assert (await verify(db)).clean


async def test_a_budget_counts_from_its_beginning_and_while_it_is_active(ann: Stage) -> None:
    await ann.use("500")
    budget = await ann.limit("100")
    assert await ann.stands(budget) == ("0", "0")
    await ann.use("60")
    await ann.change(budget, active=False)
    assert await ann.use("200") == ["200"]
    await ann.change(budget, active=True)
    assert await ann.stands(budget) == ("60", "0")
    assert await ann.use("41", "40") == ["budget_exceeded", "40"]


async def test_a_changed_limit_holds_from_the_next_debit_on(ann: Stage) -> None:
    budget = await ann.limit("100")
    await ann.use("60")
    await ann.change(budget, limit=Decimal(50))
    assert await ann.use("0.01", "0") == ["budget_exceeded", "0"]
    await ann.change(budget, limit=Decimal(61))
    assert await ann.use("1", "0.01") == ["1", "budget_exceeded"]
    await ann.change(budget, hard=False)
    assert await ann.use("100") == ["100"]
    assert await ann.stands(budget) == ("161", "0")


async def test_only_without_an_active_budget_debits_are_plain(ann: Stage) -> None:
    async def plain() -> bool:
        return bool(await flow._record_plain(ann.db, events=[ann.event("1")]))

    assert await plain()
    first, second = await ann.limit("100"), await ann.limit("100", hard=False)
    assert not await plain()
    await ann.delete(first)
    assert not await plain()
    await ann.change(second, active=False)
    assert await plain()
    with pytest.raises(NotFound):
        await ann.change(first, active=True)


async def test_law_06_owed_debits_are_spent(db: Database) -> None:
    ann = await open_stage(db, lot="10", overdraft_policy="unlimited")
    budget = await ann.limit("100")
    assert await ann.use("60", "41", "40") == ["60", "budget_exceeded", "40"]
    assert await ann.stands(budget) == ("100", "0")
    assert (await wallets.balance(db, ref=ann.bench.ref, now=ann.bench.currency.created_at)).owed.value == 90
    assert (await verify(db)).clean


async def test_a_budget_is_asked_before_the_balance(db: Database) -> None:
    """Whoever topped up would only be refused once more."""
    ann = await open_stage(db, lot="5")
    await ann.limit("8")
    assert await ann.use("9", "6", "5") == ["budget_exceeded", "insufficient_credits", "5"]
    assert (await verify(db)).clean


async def test_what_operators_take_does_not_count(ann: Stage) -> None:
    budget = await ann.limit("10")
    new = NewAdjustment(amount=Decimal(-500), reason="wrong", actor="ben")
    await adjust_credits(ann.db, ref=ann.bench.ref, new=new)
    assert await ann.stands(budget) == ("0", "0")


async def test_late_reports_count_when_they_are_booked(ann: Stage) -> None:
    budget = await ann.limit("10")
    now = await ann.at(DAY)
    late = ann.event("10")
    await ann.record(
        flow.NewUsage(**{name: getattr(late, name) for name in late.__struct_fields__} | {"occurred_at": now - DAY})
    )
    assert await ann.stands(budget) == ("10", "0")


async def test_a_reversal_gives_back_to_the_window_of_the_event(ann: Stage) -> None:
    day, forever = await ann.limit("10"), await ann.limit("25", "none")
    (first,) = await ann.record(ann.event("10"))
    await ann.at(DAY)
    assert await ann.use("10", "6") == ["10", "budget_exceeded"]
    assert isinstance(first, Recorded)
    await reverse_usage(ann.db, workspace_id=ann.bench.workspace_id, event_id=first.event.id, reason="wrong")
    assert await ann.stands(day) == ("10", "0")
    assert await ann.stands(forever) == ("10", "0")
    spent = await ann.db.fetch("select spent from budget_counters where window_end is not null order by window_start")
    assert [row["spent"] for row in spent] == [0, 10]
    assert await ann.use("1") == ["budget_exceeded"]


async def test_a_reversal_after_the_budget_was_deleted_still_gives_back(ann: Stage) -> None:
    budget = await ann.limit("10")
    (outcome,) = await ann.record(ann.event("10"))
    assert isinstance(outcome, Recorded)
    await ann.delete(budget)
    await reverse_usage(ann.db, workspace_id=ann.bench.workspace_id, event_id=outcome.event.id, reason="wrong")
    assert await ann.db.fetchval("select spent from budget_counters") == 0


async def test_law_04_a_hold_reserves_until_it_is_captured(ann: Stage) -> None:
    budget = await ann.limit("100")
    held = await ann.hold("60")
    assert await ann.stands(budget) == ("0", "60")
    assert await ann.use("41", "30") == ["budget_exceeded", "30"]
    with pytest.raises(BudgetExceeded):
        await ann.hold("10.01")
    assert await ann.capture(held, "20") == "20"
    assert await ann.stands(budget) == ("50", "0")
    assert await ann.use("50") == ["50"]


async def test_law_04_a_release_and_an_end_give_back(ann: Stage) -> None:
    budget = await ann.limit("100")
    released, ends = await ann.hold("60"), await ann.hold("40", seconds=60)
    assert await ann.use("1") == ["budget_exceeded"]
    await ann.release(released)
    assert await ann.stands(budget) == ("0", "40")
    await ann.at(timedelta(seconds=60))
    assert await ann.stands(budget) == ("0", "0"), "read before anything has booked the end"
    assert await ann.use("100") == ["100"]
    assert await ann.stands(budget) == ("100", "0")
    assert await ann.capture(ends, "0") == "0"
    with pytest.raises(BudgetExceeded):
        await ann.hold("1")


async def test_law_04_the_job_that_books_an_end_gives_back_too(ann: Stage) -> None:
    budget = await ann.limit("100")
    await ann.hold("40", seconds=60)
    await ann.delete(await ann.limit("50", label_property="user"))
    await ann.at(HOUR)
    assert await book_due_wallets(ann.db) == 1
    assert await ann.stands(budget) == ("0", "0")
    assert await ann.db.fetchval("select held from budget_counters") == 0


async def test_a_capture_counts_in_its_own_window_and_frees_the_holds(ann: Stage) -> None:
    budget = await ann.limit("100")
    held = await ann.hold("60", seconds=24 * 3600)
    await ann.at(DAY - timedelta(microseconds=1))
    assert await ann.stands(budget) == ("0", "60")
    await extend_hold(ann.db, workspace_id=ann.bench.workspace_id, hold_id=held, seconds=3600)
    await ann.at(DAY)
    assert await ann.stands(budget) == ("0", "0")
    assert await ann.use("100") == ["100"]
    assert await ann.capture(held, "60") == "60", "its credits were reserved when the work began"
    assert await ann.stands(budget) == ("160", "0")
    assert await ann.use("1") == ["budget_exceeded"]


async def test_a_capture_above_its_hold_needs_room(ann: Stage) -> None:
    budget = await ann.limit("100")
    held = await ann.hold("60")
    await ann.use("30")
    with pytest.raises(BudgetExceeded):
        await ann.capture(held, "70.01")
    assert await ann.stands(budget) == ("30", "60")
    assert await ann.capture(held, "70") == "70"
    assert await ann.stands(budget) == ("100", "0")


async def test_a_hold_is_raised_only_within_the_budget(ann: Stage) -> None:
    budget = await ann.limit("100")
    held = await ann.hold("60", team="search")
    where = {"workspace_id": ann.bench.workspace_id, "hold_id": held}
    with pytest.raises(BudgetExceeded):
        await extend_hold(ann.db, **where, value=Decimal("40.01"))
    await extend_hold(ann.db, **where, value=Decimal(40))
    assert await ann.stands(budget) == ("0", "100")
    assert await ann.told() == [("exceeded", None, "0", "60")]
    await ann.release(held)
    assert await ann.stands(budget) == ("0", "0")


async def test_a_hold_has_labels_and_its_capture_has_them_too(ann: Stage) -> None:
    search = await ann.limit("50", label_property="team", label="search")
    held = await ann.hold("50", team="search")
    assert await ann.use("1", team="search") == ["budget_exceeded"]
    await ann.capture(held, "10")
    assert await ann.stands(search) == ("10", "0")
    other = await ann.hold("40", team="search")
    await ann.capture(other, "40", properties={"team": "ads"})
    assert await ann.stands(search) == ("10", "0"), "the capture's own properties win"


async def test_a_refused_hold_is_told_once_a_window_and_reserves_nothing(db: Database) -> None:
    ann = await open_stage(db)
    budget = await ann.limit("10")
    for _ in range(2):
        with pytest.raises(BudgetExceeded):
            await ann.hold("11")
    assert await ann.told() == [("exceeded", None, "0", "0")]
    with pytest.raises(InsufficientCredits):
        await (await open_stage(db, lot="5")).hold("6")
    assert await ann.stands(budget) == ("0", "0")
    await ann.at(DAY)
    with pytest.raises(BudgetExceeded):
        await ann.hold("11")
    assert len(await ann.told()) == 2
    assert (await verify(db)).clean


async def test_what_is_told_and_when(ann: Stage) -> None:
    await ann.limit("100", alert_percent=80)
    users = await ann.limit("10", label_property="user", hard=False)
    await ann.use("8", "3", user="u_1")
    await ann.use("60", "9", "30")
    await ann.use("10", "11")
    assert await ann.told() == [
        ("exceeded", "u_1", "11", "0"),
        ("alert_reached", None, "80", "0"),
        ("exceeded", None, "80", "0"),
    ]
    await ann.change(users, limit=Decimal(12))
    await ann.use("5", user="u_1")
    assert (await ann.told())[3:] == [("exceeded", "u_1", "16", "0")], "a raised limit is told of anew"


async def test_a_wallet_has_only_so_many_budgets(ann: Stage) -> None:
    for _ in range(BUDGETS_MAX):
        last = await ann.limit("1000")
    with pytest.raises(Conflict) as refused:
        await ann.limit("1000")
    assert refused.value.own_code == "too_many_budgets"
    await ann.delete(last)
    await ann.limit("1000")
    assert await ann.use("1") == ["1"]


async def test_a_batch_is_a_constant_number_of_statements(db: Database) -> None:
    """Whatever the number of events, wallets and labels; and without a budget not one more than before."""
    budgeted = [await open_stage(db) for _ in range(3)]
    for stage in budgeted:
        await stage.limit("500")
        await stage.limit("500", label_property="user")
    free = await open_stage(db)
    counts: list[int] = []
    real = asyncpg.Connection._execute

    async def counted(self: Any, query: str, *args: Any, **more: Any) -> Any:
        counts[-1] += 1
        return await real(self, query, *args, **more)

    async def record(stages: list[Stage], events: int) -> int:
        batch = [stage.event("1", user=f"u_{len(counts)}_{n}") for n in range(events) for stage in stages]
        counts.append(0)
        assert all(isinstance(outcome, Recorded) for outcome in await flow._record_booked(db, events=batch))
        return counts[-1]

    with mock.patch.object(asyncpg.Connection, "_execute", counted):
        await record(budgeted, 1)
        few, many = await record(budgeted[:1], 1), await record(budgeted, 50)
        alone = await record([free], 1)
    assert few == many
    # The budgets, and what they have counted; what is counted anew goes in by COPY, what moves by one update.
    assert few - alone <= 3
