"""PostgreSQL must agree with a small model after every random step, and every law must hold (laws 1 to 7)."""

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.flows.budget_stage import Stage
from tests.ledger.books import START, Bench, lay, set_clock
from tests.ledger.model import Short
from tests.ledger.model_refunds import RefundingModel

from replenish.catalog.rates import GraduatedRate, Tier
from replenish.core.db import Database, connect
from replenish.core.errors import Conflict, Invalid
from replenish.core.ids import REFUND
from replenish.core.money import NO_CREDITS, Credits
from replenish.core.transaction import transaction
from replenish.flows.adjust_credits import NewAdjustment, adjust_credits
from replenish.flows.expire_credits import book_due_wallets
from replenish.flows.grant_credits import grant_credits, void_grant
from replenish.flows.hold_credits import HoldRequest, capture_hold, hold_credits, release_hold
from replenish.flows.record_usage import NewUsage, Recorded, record_usage
from replenish.flows.reverse_usage import EventReversed, reverse_usage
from replenish.reports.verify import verify
from replenish.usage.model import FUTURE_MAX, PAST_MAX, UsageConflict
from replenish.wallets import operations
from replenish.wallets import queries as wallets
from replenish.wallets.book import NewLot
from replenish.wallets.model import HoldEnded, InsufficientCredits, TakenBack
from support.long import LONG

TABLES = (
    "workspaces, wallets, wallets_due, lots, owed_items, transfers, adjustments, usage_keys, usage_events,"
    " usage_reversals, usage_days, usage_months, holds, budgets, budget_counters, grant_schedules, grant_periods,"
    " customer_events_last, events"
)
amounts = st.decimals(min_value="0.01", max_value="500", places=2)
values = st.decimals(min_value="0", max_value="120", places=4)
meters = st.sampled_from([None, "a", "b"])
shortfalls = st.sampled_from(["reject", "owe"])
# How long ago it happened: now, and both windows to their edges and beyond.
ages = st.sampled_from(
    [None] * 8
    + [timedelta(days=3), PAST_MAX, -FUTURE_MAX]
    + [PAST_MAX + timedelta(microseconds=1), -FUTURE_MAX - timedelta(microseconds=1)]
)
TIERS = GraduatedRate(
    (
        Tier(Decimal(40), Decimal(1)),
        Tier(Decimal(80), Decimal("0.75")),
        Tier(None, Decimal("0.5")),
    )
)


def exact(amount: Credits | Decimal) -> Fraction:
    return Fraction(amount.value if isinstance(amount, Credits) else amount)


class Books(RuleBasedStateMachine):
    """Ann's wallet, driven through the flows and through the model."""

    url = ""
    grants: Bundle[Any] = Bundle("grants")
    events: Bundle[Any] = Bundle("events")
    holds: Bundle[Any] = Bundle("holds")
    budgets: Bundle[Any] = Bundle("budgets")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = RefundingModel()
        self.keys = 0
        self.db: Database = self.run(connect(self.url, size_max=2))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.db.close())
        self.runner.close()

    @initialize()
    def begin(self) -> None:
        self.run(self.db.pool.execute(f"truncate {TABLES} cascade"))
        self.bench: Bench = self.run(lay(self.db))
        self.bench.meters["b"] = msgspec.structs.replace(self.bench.meters["b"], rate=TIERS)
        b = self.bench.meters["b"].id
        self.run(self.db.pool.execute("update meters set rate = $2 where id = $1", b, TIERS))

    @rule(
        target=grants,
        amount=amounts,
        priority=st.integers(0, 3),
        paid=st.booleans(),
        start=st.integers(-5, 20),
        life=st.none() | st.integers(1, 40),
        scope=st.sampled_from([(), ("a",), ("b",), ("a", "b")]),
    )
    def grant(self, amount, priority, paid, start, life, scope):
        begins = self.model.now + start
        ends = None if life is None else max(begins, self.model.now) + life
        new = NewLot(
            amount=Credits(amount),
            category="paid" if paid else "promotional",
            source="api",
            priority=priority,
            effective_at=START + timedelta(seconds=begins),
            expires_at=None if ends is None else START + timedelta(seconds=ends),
            scope=tuple(self.bench.meters[name].id for name in scope),
        )
        lot_id, replayed = self.run(grant_credits(self.db, ref=self.bench.ref, new=new))
        assert not replayed
        self.model.grant(
            id=lot_id, amount=exact(amount), priority=priority, paid=paid, start=begins, end=ends, scope=scope
        )
        return lot_id

    def usage(self, meter: str | None, value: Decimal, shortfall: str, ago: timedelta | None) -> NewUsage:
        self.keys += 1
        now = START + timedelta(seconds=self.model.now)
        return NewUsage(
            workspace_id=self.bench.workspace_id,
            customer_id=self.bench.ann,
            currency=self.bench.currency,
            meter=None if meter is None else self.bench.meters[meter],
            key=f"job-{self.keys}",
            value=value,
            occurred_at=None if ago is None else now - ago,
            shortfall=shortfall,
        )

    @rule(target=events, batch=st.lists(st.tuples(meters, values, shortfalls, ages), min_size=1, max_size=6))
    def use(self, batch):
        """A batch gives what the sequential loop gives, event by event (section "usage path": one is a batch of one)."""
        reported = [self.usage(*parts) for parts in batch]
        outcomes = self.run(record_usage(self.db, events=reported))
        recorded = None
        for (meter, value, shortfall, ago), usage, outcome in zip(batch, reported, outcomes, strict=True):
            if ago is not None and not -FUTURE_MAX <= ago <= PAST_MAX:
                assert isinstance(outcome.refusal, Invalid)
                assert outcome.refusal.field == "timestamp"
                continue
            try:
                expected = self.model.debit(meter, exact(value), decimals=2, owe=shortfall == "owe")
            except Short:
                assert isinstance(outcome.refusal, InsufficientCredits)
                continue
            assert isinstance(outcome, Recorded), outcome
            assert not outcome.replayed
            # Late news is paid by what is alive now, and says when it happened.
            assert outcome.event.occurred_at == (usage.occurred_at or outcome.event.booked_at)
            assert outcome.event.booked_at == START + timedelta(seconds=self.model.now)
            assert exact(outcome.event.debit) == expected["debit"]
            assert [
                (lot, exact(part)) for lot, part in zip(outcome.event.lot_ids, outcome.event.lot_amounts, strict=True)
            ] == [(lot["id"], part) for lot, part in expected["taken"]]
            recorded = (usage, outcome.event, expected)
        return recorded

    @rule(
        target=holds,
        meter=meters,
        value=values.filter(lambda value: value > 0),
        seconds=st.integers(1, 30),
    )
    def hold(self, meter, value, seconds):
        request = HoldRequest(
            customer_id=self.bench.ann,
            currency=self.bench.currency,
            meter=None if meter is None else self.bench.meters[meter],
            value=value,
            seconds=seconds,
        )
        work = hold_credits(self.db, workspace_id=self.bench.workspace_id, request=request)
        try:
            expected = self.model.hold(meter, exact(value), decimals=2, end=self.model.now + seconds)
        except Short:
            with pytest.raises(InsufficientCredits):
                self.run(work)
            return None
        hold_id, _ = self.run(work)
        return (hold_id, expected)

    @rule(hold=holds)
    def release(self, hold):
        if hold is None:
            return
        hold_id, expected = hold
        work = release_hold(self.db, workspace_id=self.bench.workspace_id, hold_id=hold_id)
        if expected.get("kept"):
            with pytest.raises(HoldEnded):
                self.run(work)
            return
        self.run(work)
        if expected["open"]:
            self.model.let_go(expected)

    @rule(target=events, hold=holds, value=values, shortfall=shortfalls)
    def capture(self, hold, value, shortfall):
        """From the hold's front, then from the balance; after its end an ordinary debit; never twice."""
        if hold is None:
            return None
        hold_id, expected = hold
        work = capture_hold(
            self.db, workspace_id=self.bench.workspace_id, hold_id=hold_id, value=value, shortfall=shortfall
        )
        if expected.get("captured"):
            with contextlib.suppress(UsageConflict):
                _, replayed = self.run(work)
                assert replayed
            return None
        owe = shortfall == "owe"
        try:
            kept = expected["open"]
            if kept:
                event = self.model.capture(expected, exact(value), decimals=2, owe=owe)
            else:
                event = self.model.debit(expected["meter"], exact(value), decimals=2, owe=owe)
        except Short:
            with pytest.raises(InsufficientCredits):
                self.run(work)
            return None
        expected["captured"], expected["kept"] = True, kept
        recorded, replayed = self.run(work)
        assert not replayed
        assert exact(recorded.debit) == event["debit"]
        assert [(lot, exact(part)) for lot, part in zip(recorded.lot_ids, recorded.lot_amounts, strict=True)] == [
            (lot["id"], part) for lot, part in event["taken"]
        ]
        return (None, recorded, event)

    @rule(event=events)
    def send_again(self, event):
        """Law 7: the same answer and no second effect."""
        if event is not None and event[0] is not None:
            (again,) = self.run(record_usage(self.db, events=[event[0]]))
            assert again.replayed
            assert again.event == event[1]

    @rule(event=events)
    def reverse(self, event):
        if event is None:
            return
        work = reverse_usage(self.db, workspace_id=self.bench.workspace_id, event_id=event[1].id, reason="wrong")
        if event[2].get("reversed"):
            with pytest.raises(EventReversed):
                self.run(work)
            return
        self.run(work)
        event[2]["reversed"] = True
        self.model.reverse(event[2])

    @rule(lot_id=grants)
    def void(self, lot_id):
        if lot_id is None:
            return
        lot = next(lot for lot in self.model.lots if lot["id"] == lot_id)
        ended = lot["void"] or (lot["end"] is not None and lot["end"] <= self.model.now)
        held = any(lot is kept for hold in self.model.holds if hold["open"] for kept, _ in hold["taken"])
        work = void_grant(self.db, workspace_id=self.bench.workspace_id, lot_id=lot_id)
        if ended or (lot["start"] <= self.model.now and not lot["left"] and not held):
            with pytest.raises(Conflict):
                self.run(work)
            return
        assert exact(self.run(work)) == lot["left"]
        lot["void"], lot["left"] = True, Fraction(0)

    @rule(lot_id=grants, amount=amounts, owe=st.booleans())
    def refund(self, lot_id, amount, owe):
        """The book's part of a refund (law 14), several of one lot and never more than it held; its money is not here."""
        lot = next((lot for lot in self.model.lots if lot["id"] == lot_id), None)
        if lot is not None and lot["start"] <= self.model.now:
            self.give_back(lot, amount, owe=owe)

    @rule(hold=holds, amount=amounts, owe=st.booleans())
    def refund_what_is_held(self, hold, amount, owe):
        if hold is not None:
            self.give_back(hold[1]["taken"][0][0], amount, owe=owe)

    def give_back(self, lot: dict, amount: Decimal, *, owe: bool) -> None:
        share = min(exact(amount), lot["amount"] - lot.get("refunded", 0))
        lot["refunded"] = lot.get("refunded", 0) + share

        async def refund() -> TakenBack:
            async with transaction(self.db) as tx:
                books = await operations.open_books(tx, refs=[self.bench.ref])
                book = books[self.bench.ref]
                (found,) = await operations.load_lots(tx, book, lot_ids=[lot["id"]])
                credits_ = Credits(Decimal(share.numerator) / share.denominator)
                back = book.refund(
                    found, refund_id=REFUND.new(), amount=credits_, lapsed=NO_CREDITS, owe=owe, note="wrong"
                )
                await operations.save_books(tx, books=books.values())
                return back

        back = self.run(refund())
        expected = self.model.refund(lot, share, owe=owe)
        assert {name: exact(getattr(back, name)) for name in expected} == expected

    @rule(target=grants, amount=amounts, sign=st.sampled_from([1, -1]))
    def adjust(self, amount, sign):
        work = adjust_credits(
            self.db, ref=self.bench.ref, new=NewAdjustment(amount=sign * amount, reason="sorry", actor="Ben")
        )
        if sign < 0:
            left = sum(lot["left"] for lot in self.model.usable(None))
            if self.model.owed or left < exact(amount):
                with pytest.raises(InsufficientCredits):
                    self.run(work)
            else:
                self.run(work)
                self.model.take(None, exact(amount))
            return None
        adjustment_id, _ = self.run(work)
        lot_id = self.run(self.db.fetchval("select lot_id from adjustments where id = $1", adjustment_id))
        self.model.grant(
            id=lot_id, amount=exact(amount), priority=50, paid=False, start=self.model.now, end=None, scope=()
        )
        return lot_id

    @rule(target=budgets, limit=amounts, window=st.sampled_from(["day", "none"]), meter=meters)
    def watch(self, limit, window, meter):
        """A budget that only tells changes no answer; `verify` counts again what it counted."""
        stage = Stage(self.db, self.bench)
        return self.run(stage.limit(str(limit), window, meter=meter, hard=False, alert_percent=50))

    @rule(budget=budgets, active=st.booleans(), limit=amounts)
    def watch_otherwise(self, budget, active, limit):
        self.run(Stage(self.db, self.bench).change(budget, active=active, limit=limit))

    @rule(budget=consumes(budgets))
    def watch_no_more(self, budget):
        self.run(Stage(self.db, self.bench).delete(budget))

    @rule(seconds=st.integers(1, 15), swept=st.booleans())
    def wait(self, seconds, swept):
        """Correct with and without the job that books expiry (law 4)."""
        self.model.pass_to(self.model.now + seconds)
        self.run(set_clock(self.db, self.bench, START + timedelta(seconds=self.model.now)))
        if swept:
            self.run(book_due_wallets(self.db))

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "bench"):
            return
        now = START + timedelta(seconds=self.model.now)
        found = self.run(wallets.balance(self.db, ref=self.bench.ref, now=now))
        assert exact(found.available) == self.model.available
        assert exact(found.owed) == self.model.owed
        assert found.available.value >= 0
        assert found.balance == found.available - found.owed
        counted = self.run(self.db.fetchval("select units from usage_months where customer_id = $1", self.bench.ann))
        assert Fraction(counted or 0) == self.model.counted
        carry = self.run(self.db.fetchval("select carry from wallets where customer_id = $1", self.bench.ann))
        assert Fraction(carry or 0) == self.model.carry

    @invariant()
    def laws_hold(self) -> None:
        verdict = self.run(verify(self.db))
        # Refunds are made at the book here, without the purchases that they belong to.
        found = [each for each in verdict.differences if each.check != "refunds took their credits"]
        assert not found


@pytest.mark.timeout(900)
def test_law_01_02_03_04_05_06_07_books_agree_with_the_model(database_url: str) -> None:
    Books.url = database_url
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=1000 if LONG else 100,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
