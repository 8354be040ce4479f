"""Laws 1 to 7, one story each; the random walk of `test_books_agree_with_model` holds them together."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest
from tests.ledger.books import START, Bench, lay, set_clock

from replenish.core.db import Database
from replenish.core.errors import Conflict, Invalid
from replenish.core.ids import LotId
from replenish.core.money import Credits
from replenish.flows.grant_credits import grant_credits, void_grant
from replenish.flows.hold_credits import HoldRequest, capture_hold, hold_credits
from replenish.flows.record_usage import NewUsage, Outcome, Recorded, Refused, record_usage
from replenish.flows.reverse_usage import reverse_usage
from replenish.reports.verify import verify
from replenish.usage.model import UsageConflict
from replenish.wallets import queries as wallets
from replenish.wallets.book import NewLot
from replenish.wallets.model import Balance, InsufficientCredits

pytestmark = pytest.mark.anyio
MICROSECOND = timedelta(microseconds=1)


async def give(db: Database, bench: Bench, amount: str, **facts: object) -> LotId:
    new = NewLot(**({"amount": Credits(Decimal(amount)), "category": "paid", "source": "api"} | facts))
    lot_id, _ = await grant_credits(db, ref=bench.ref, new=new)
    return lot_id


def used(bench: Bench, key: str, value: str, *, meter: str | None = "a", **facts: object) -> NewUsage:
    found = None if meter is None else bench.meters[meter]
    return NewUsage(
        workspace_id=bench.workspace_id,
        customer_id=bench.ann,
        currency=bench.currency,
        meter=found,
        key=key,
        value=Decimal(value),
        **facts,
    )


async def use(db: Database, *events: NewUsage) -> list[Outcome]:
    return await record_usage(db, events=events)


async def balance(db: Database, bench: Bench) -> Balance:
    return await wallets.balance(db, ref=bench.ref, now=START)


def results(outcomes: list[Outcome]) -> list[str]:
    return ["ok" if isinstance(outcome, Recorded) else outcome.refusal.own_code for outcome in outcomes]


async def test_law_01_transfers_cannot_be_changed_and_a_wallet_sums_to_zero(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "100")
    await use(db, used(bench, "job-1", "40"))
    for statement in ("update transfers set amount = 1", "delete from transfers", "delete from usage_events"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await db.pool.execute(statement)
    with pytest.raises(asyncpg.CheckViolationError):
        await db.pool.execute("update wallets set available = available + 1")
    assert (await verify(db)).clean


async def test_law_02_the_row_tells_the_balance_and_reads_are_exact_after_good_until(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "100")
    await give(db, bench, "30", expires_at=START + timedelta(hours=1))
    await give(db, bench, "7", effective_at=START + timedelta(hours=2))
    await use(db, used(bench, "job-1", "10"))
    table = [(0, "120"), (1, "100"), (2, "107")]
    for hours, available in table:
        await set_clock(db, bench, START + timedelta(hours=hours))
        assert str((await balance(db, bench)).available) == available
    assert (await verify(db)).clean


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"priority": 1}, {"priority": 2, "expires_at": START + timedelta(hours=1)}),
        ({"expires_at": START + timedelta(hours=1)}, {"expires_at": START + timedelta(hours=2)}),
        ({"expires_at": START + timedelta(days=900)}, {"category": "promotional"}),
        ({"category": "promotional"}, {"category": "paid"}),
        ({}, {}),
    ],
    ids=["lower priority", "sooner expiry", "any expiry before none", "promotional before paid", "older"],
)
async def test_law_03_burn_order(db: Database, first: dict[str, object], second: dict[str, object]) -> None:
    bench = await lay(db)
    # Granted the other way round where the order of granting must not decide.
    if first:
        later = await give(db, bench, "10", **second)
        sooner = await give(db, bench, "10", **first)
    else:
        sooner, later = await give(db, bench, "10"), await give(db, bench, "10")
    (outcome,) = await use(db, used(bench, "job-1", "15"))
    assert isinstance(outcome, Recorded)
    assert outcome.event.lot_ids == (sooner, later)
    assert outcome.event.lot_amounts == (Decimal(10), Decimal(5))


async def test_law_03_a_scoped_lot_pays_for_its_meters_only(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "50", scope=(bench.meters["b"].id,))
    await give(db, bench, "10")
    outcomes = await use(
        db,
        used(bench, "job-1", "11"),
        used(bench, "job-2", "11", meter="b"),
        used(bench, "job-3", "10", meter=None),
    )
    assert results(outcomes) == ["insufficient_credits", "ok", "ok"]


async def test_law_03_a_reversal_follows_the_recorded_allocation(db: Database) -> None:
    bench = await lay(db)
    short = await give(db, bench, "10", expires_at=START + timedelta(hours=1))
    await give(db, bench, "10")
    (outcome,) = await use(db, used(bench, "job-1", "15"))
    assert isinstance(outcome, Recorded)
    await give(db, bench, "100", priority=0)
    await set_clock(db, bench, START + timedelta(hours=1))
    await reverse_usage(db, workspace_id=bench.workspace_id, event_id=outcome.event.id, reason="failed job")
    # The first lot has ended meanwhile: its 10 come back to it and lapse at once.
    assert str((await balance(db, bench)).available) == "110"
    lot = await wallets.lot(db, workspace_id=bench.workspace_id, lot_id=short)
    assert lot is not None
    assert lot.status(START + timedelta(hours=1)) == "expired"
    assert (await verify(db)).clean


async def test_law_04_a_lot_is_open_until_its_last_microsecond_without_any_job(db: Database) -> None:
    bench = await lay(db)
    end = START + timedelta(hours=1)
    await give(db, bench, "10", expires_at=end)
    await give(db, bench, "10", effective_at=end)
    await set_clock(db, bench, end - MICROSECOND)
    assert results(await use(db, used(bench, "job-1", "4"), used(bench, "job-2", "7"))) == [
        "ok",
        "insufficient_credits",
    ]
    await set_clock(db, bench, end)
    assert results(await use(db, used(bench, "job-3", "10"), used(bench, "job-4", "1"))) == [
        "ok",
        "insufficient_credits",
    ]
    expired = await db.fetchval("select expired from wallets where customer_id = $1", bench.ann)
    assert expired == 6
    assert (await verify(db)).clean


async def test_law_04_a_hold_ends_to_the_microsecond_and_a_read_knows_it_before_any_write(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "10", expires_at=START + timedelta(seconds=90))
    request = HoldRequest(
        customer_id=bench.ann, currency=bench.currency, meter=bench.meters["a"], value=Decimal(4), seconds=60
    )
    await hold_credits(db, workspace_id=bench.workspace_id, request=request)
    end = START + timedelta(seconds=60)
    table = [(end - MICROSECOND, "6", "4"), (end, "10", "0"), (START + timedelta(seconds=90), "0", "0")]
    for at, available, held in table:
        await set_clock(db, bench, at)
        found = await balance(db, bench)
        assert (str(found.available), str(found.held)) == (available, held)
    assert (await verify(db)).clean


async def test_law_04_a_hold_keeps_its_credits_past_the_lots_expiry(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "10", expires_at=START + timedelta(seconds=30))
    request = HoldRequest(
        customer_id=bench.ann, currency=bench.currency, meter=bench.meters["a"], value=Decimal(4), seconds=60
    )
    hold_id, _ = await hold_credits(db, workspace_id=bench.workspace_id, request=request)
    await set_clock(db, bench, START + timedelta(seconds=45))
    found = await balance(db, bench)
    assert (str(found.credits), str(found.available), str(found.held)) == ("4", "0", "4")
    event, _ = await capture_hold(db, workspace_id=bench.workspace_id, hold_id=hold_id, value=Decimal(3))
    assert str(event.debit) == "3"
    found = await balance(db, bench)
    assert (str(found.credits), str(found.available)) == ("0", "0")
    assert await db.fetchval("select expired from wallets where customer_id = $1", bench.ann) == 7
    assert (await verify(db)).clean


async def test_law_04_a_wallet_lives_forward_only(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "10", expires_at=START + timedelta(hours=1))
    await set_clock(db, bench, START + timedelta(hours=2))
    await give(db, bench, "5")
    await set_clock(db, bench, START)
    assert results(await use(db, used(bench, "job-1", "6"))) == ["insufficient_credits"]


async def test_law_05_small_prices_bill_their_exact_sum(db: Database) -> None:
    """0.000768 a time: 125,000 events bill 96 credits, not 0 and not 125,000 roundings."""
    bench = await lay(db, decimals=0)
    await give(db, bench, "100")
    for start in range(0, 125_000, 12_500):
        events = [used(bench, f"token-{start + place}", "0.000768") for place in range(12_500)]
        assert set(results(await use(db, *events))) == {"ok"}
    found = await balance(db, bench)
    assert str(found.available) == "4"
    assert await db.fetchval("select carry from wallets where customer_id = $1", bench.ann) == 0
    assert (await verify(db)).clean


async def test_law_05_a_reversal_takes_its_share_of_the_carry_back(db: Database) -> None:
    bench = await lay(db, decimals=0)
    await give(db, bench, "100")
    first, second = await use(db, used(bench, "job-1", "1.6"), used(bench, "job-2", "1.6"))
    assert isinstance(first, Recorded)
    assert isinstance(second, Recorded)
    assert (str(first.event.debit), str(second.event.debit)) == ("1", "2")
    await reverse_usage(db, workspace_id=bench.workspace_id, event_id=second.event.id, reason="failed")
    assert await db.fetchval("select carry from wallets where customer_id = $1", bench.ann) == Decimal("0.6")
    assert str((await balance(db, bench)).available) == "99"
    assert (await verify(db)).clean


async def test_law_06_of_200_parallel_debits_of_1_on_100_exactly_100_succeed(db: Database) -> None:
    bench = await lay(db, clock=None)
    await give(db, bench, "100")
    outcomes = await asyncio.gather(*(use(db, used(bench, f"job-{place}", "1")) for place in range(200)))
    codes = [results(outcome)[0] for outcome in outcomes]
    assert (codes.count("ok"), codes.count("insufficient_credits")) == (100, 100)
    assert str((await balance(db, bench)).balance) == "0"
    assert (await verify(db)).clean


async def test_law_06_a_batch_is_the_sequential_loop(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "100")
    events = [used(bench, f"job-{value}-{place}", value) for place, value in enumerate(["60", "60", "30"])]
    assert results(await use(db, *events)) == ["ok", "insufficient_credits", "ok"]


async def test_law_06_owed_credits_are_repaid_oldest_first_by_lots_that_cover_them(db: Database) -> None:
    bench = await lay(db, overdraft_policy="limited", overdraft_limit=Decimal(50))
    await give(db, bench, "10")
    outcomes = await use(
        db,
        used(bench, "job-1", "30"),  # owes 20
        used(bench, "job-2", "25", meter="b"),  # owes 25
        used(bench, "job-3", "6"),  # would owe 51
        used(bench, "job-4", "1", shortfall="reject"),  # nothing new while anything is owed
    )
    assert results(outcomes) == ["ok", "ok", "insufficient_credits", "insufficient_credits"]
    assert str((await balance(db, bench)).balance) == "-45"
    await give(db, bench, "30", scope=(bench.meters["b"].id,))
    found = await balance(db, bench)
    assert (str(found.available), str(found.owed), str(found.balance)) == ("5", "20", "-15")
    await give(db, bench, "100")
    found = await balance(db, bench)
    assert (str(found.available), str(found.owed)) == ("85", "0")
    assert (await verify(db)).clean


async def test_law_06_a_debt_that_was_repaid_a_moment_ago_is_reversed_whole(db: Database) -> None:
    """The lot that repays it has started since the last write: the repayment is booked in the reversal's own transaction."""
    bench = await lay(db, overdraft_policy="unlimited")
    await give(db, bench, "10", effective_at=START + timedelta(seconds=5))
    (outcome,) = await use(db, used(bench, "job-1", "4"))
    assert isinstance(outcome, Recorded)
    await set_clock(db, bench, START + timedelta(seconds=6))
    await reverse_usage(db, workspace_id=bench.workspace_id, event_id=outcome.event.id, reason="failed")
    found = await balance(db, bench)
    assert (str(found.available), str(found.owed)) == ("10", "0")
    assert (await verify(db)).clean


async def test_law_07_the_same_key_has_one_effect_however_often_it_is_sent(db: Database) -> None:
    bench = await lay(db, clock=None)
    await give(db, bench, "100")
    event = used(bench, "job-1", "10")
    outcomes = await asyncio.gather(*(use(db, event) for _ in range(50)))
    recorded = [outcome[0] for outcome in outcomes]
    assert all(isinstance(outcome, Recorded) for outcome in recorded)
    assert sorted(outcome.replayed for outcome in recorded) == [False] + [True] * 49
    assert len({outcome.event.id for outcome in recorded}) == 1
    assert str((await balance(db, bench)).available) == "90"


async def test_law_07_another_body_is_a_conflict_and_a_refused_event_keeps_its_key(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "5")
    (refused,) = await use(db, used(bench, "job-1", "10"))
    assert isinstance(refused, Refused)
    assert isinstance(refused.refusal, InsufficientCredits)
    assert refused.refusal.numbers == {"required": "10", "available": "5", "balance": "5", "owed": "0"}
    await give(db, bench, "5")
    outcomes = await use(db, used(bench, "job-1", "10"), used(bench, "job-1", "10.00"), used(bench, "job-1", "9"))
    assert results(outcomes) == ["ok", "ok", "idempotency_mismatch"]
    assert isinstance(outcomes[1], Recorded)
    assert outcomes[1].replayed
    assert isinstance(outcomes[2], Refused)
    assert isinstance(outcomes[2].refusal, UsageConflict)


@pytest.mark.parametrize(
    ("seconds", "refused"),
    [(301, True), (300, False), (0, False), (-35 * 86400, False), (-35 * 86400 - 1, True)],
)
async def test_usage_is_accepted_within_its_time_window(db: Database, seconds: int, refused: bool) -> None:
    bench = await lay(db)
    await give(db, bench, "10")
    at = START + timedelta(seconds=seconds)
    (outcome,) = await use(db, used(bench, "job-1", "1", occurred_at=at))
    if refused:
        assert isinstance(outcome, Refused)
        assert isinstance(outcome.refusal, Invalid)
        assert outcome.refusal.field == "timestamp"
    else:
        assert isinstance(outcome, Recorded)
        assert (outcome.event.occurred_at, outcome.event.booked_at) == (at, START)


async def test_a_frozen_wallet_refuses_and_says_that_it_is_frozen(db: Database) -> None:
    bench = await lay(db)
    await give(db, bench, "10")
    await db.pool.execute("update wallets set frozen_at = now()")
    assert results(await use(db, used(bench, "job-1", "1"))) == ["wallet_frozen"]


async def test_a_void_takes_what_is_left_once(db: Database) -> None:
    bench = await lay(db)
    lot_id = await give(db, bench, "10")
    await use(db, used(bench, "job-1", "4"))
    taken = await void_grant(db, workspace_id=bench.workspace_id, lot_id=lot_id)
    assert str(taken) == "6"
    with pytest.raises(Conflict, match="voided"):
        await void_grant(db, workspace_id=bench.workspace_id, lot_id=lot_id)
    assert (await verify(db)).clean
