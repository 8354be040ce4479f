"""What usage costs by packages, tiers and rate cards, through the flows: who counts what, and what each event keeps."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from asyncpg import Record
from tests.flows.rating_stage import (
    CARD,
    PACKAGED,
    START,
    TIERED,
    TIERED_LARGE,
    Usage,
    accepted,
    give,
    lay_usage,
    parts,
)

from replenish.catalog.rate_terms import EntryTerms, FlatTerms, GraduatedTerms, RatingTerms, TierTerms
from replenish.core.db import Database, connect
from replenish.core.errors import Invalid
from replenish.core.ids import CUSTOMER
from replenish.flows import record_usage as flow
from replenish.flows.manage_meters import change_meter
from replenish.flows.record_usage import Recorded, Refused, record_usage
from replenish.flows.reverse_usage import reverse_usage
from replenish.reports.verify import verify
from replenish.wallets.model import WalletRef
from replenish.web.usage_names import UsageNames

pytestmark = pytest.mark.anyio


@pytest.fixture
async def usage(db: Database) -> Usage:
    return await lay_usage(db)


async def test_law_05_tiers_go_on_from_what_the_month_has_counted(usage: Usage) -> None:
    await usage.rate(TIERED)
    first, second, third = [await usage.use(value) for value in ("99", "2", "1000")]
    assert [str(event.debit) for event in (first, second, third)] == ["99", "1.5", "459.6"]
    assert parts(second) == [("1", "1"), ("1", "0.5")]
    assert parts(third) == [("899", "0.5"), ("101", "0.1")]
    assert second.rating is not None
    assert (second.rating.counted, second.rating.units, second.rating.month) == (99, 2, date(2027, 1, 1))
    assert (second.credits_per_unit, third.credits_per_unit) == (Decimal("0.5"), Decimal("0.1"))
    assert (await verify(usage.db)).clean


async def test_law_05_events_of_one_batch_count_for_those_behind_them(usage: Usage) -> None:
    await usage.rate(TIERED)
    events = [await usage.reported(value) for value in ("60", "60", "50000", "60")]
    outcomes = await record_usage(usage.db, events=events)
    # The third is more than there is, so it counts nothing.
    assert isinstance(outcomes[2], Refused)
    assert [str(accepted(outcomes[place]).debit) for place in (0, 1, 3)] == ["60", "50", "30"]
    assert await usage.balance() == "860"
    (again,) = await record_usage(usage.db, events=events[:1])
    assert isinstance(again, Recorded)
    assert (again.replayed, again.event) == (True, accepted(outcomes[0]))
    assert str((await usage.use("1")).debit) == "0.5"
    assert (await verify(usage.db)).clean


async def test_law_05_months_turn_at_the_workspaces_midnight(usage: Usage) -> None:
    await usage.db.pool.execute(
        "update workspaces set time_zone = 'Europe/Berlin' where id = $1", usage.bench.workspace_id
    )
    await usage.rate(TIERED)
    await usage.at("2027-01-31T22:59:59.999999")
    january = await usage.use("150")
    await usage.at("2027-01-31T23:00:00")
    february = await usage.use("150")
    assert [str(event.debit) for event in (january, february)] == ["125", "125"]
    assert [event.month and event.month.first for event in (january, february)] == [date(2027, 1, 1), date(2027, 2, 1)]
    # Late news of January counts where it is booked.
    late = await usage.reported("10")
    (outcome,) = await record_usage(
        usage.db, events=[msgspec.structs.replace(late, occurred_at=datetime(2027, 1, 20, tzinfo=UTC))]
    )
    assert (str(accepted(outcome).debit), accepted(outcome).month) == ("5", february.month)
    assert (await verify(usage.db)).clean


async def test_law_05_wallets_and_meters_count_by_themselves(usage: Usage) -> None:
    bench = usage.bench
    ben = CUSTOMER.new()
    await usage.db.pool.execute(
        "insert into customers (id, workspace_id, external_id) values ($1, $2, 'ben')", ben, bench.workspace_id
    )
    await give(usage.db, WalletRef(bench.workspace_id, ben, bench.currency.id), "1000")
    await usage.rate(TIERED)
    await usage.rate(TIERED, meter="b")
    events = [await usage.reported("100"), await usage.reported("100", customer=ben)]
    other = (await usage.names.meters(workspace_id=bench.workspace_id, keys=["b"]))["b"].meter
    events.append(msgspec.structs.replace(await usage.reported("100"), meter=other))
    outcomes = await record_usage(usage.db, events=events)
    assert [str(accepted(outcome).debit) for outcome in outcomes] == ["100", "100", "100"]
    assert (await verify(usage.db)).clean


async def test_law_05_a_reversed_event_counts_no_more(usage: Usage) -> None:
    await usage.rate(TIERED)
    await usage.use("90")
    wrong = await usage.use("20")
    assert str(wrong.debit) == "15"
    await usage.at("2027-02-10T00:00:00")
    await reverse_usage(usage.db, workspace_id=usage.bench.workspace_id, event_id=wrong.id, reason="wrong")
    assert await usage.balance() == "910"
    await usage.use("10")
    # January had 90 again; a test clock goes only forward, so its counter tells.
    found = await usage.db.pool.fetch("select month, units from usage_months order by month")
    assert [(str(row["month"]), row["units"]) for row in found] == [("2027-01-01", 90), ("2027-02-01", 10)]
    assert (await verify(usage.db)).clean


async def test_law_05_a_package_that_is_begun_is_paid_by_each_event(usage: Usage) -> None:
    await usage.rate(PACKAGED)
    events = [await usage.reported(value) for value in ("1", "1000", "1001", "0")]
    outcomes = [accepted(outcome) for outcome in await record_usage(usage.db, events=events)]
    assert [str(event.debit) for event in outcomes] == ["2", "2", "4", "0"]
    assert parts(outcomes[2]) == [("2", "2")]
    assert outcomes[2].rating is not None
    assert (outcomes[2].rating.package_size, outcomes[2].rating.month) == (1000, None)
    again = [accepted(outcome) for outcome in await record_usage(usage.db, events=events)]
    assert again == outcomes, "a replay answers what was recorded"
    assert (await verify(usage.db)).clean


async def test_a_rate_card_tells_rates_apart_and_each_event_keeps_its_own(usage: Usage) -> None:
    await usage.rate(CARD)
    asked = [
        ("3", {"model": "large", "kind": "output"}, "24", "8"),
        ("3", {"model": "large", "kind": "input"}, "12", "4"),
        ("1500", {"model": "tiny"}, "4", "2"),
        ("3", {"model": "unheard"}, "48", "16"),
        ("3", {}, "48", "16"),
    ]
    for value, properties, debit, each in asked:
        event = await usage.use(value, **properties)
        assert (str(event.debit), f"{event.credits_per_unit:f}") == (debit, each)
    await usage.rate(RatingTerms(rate_card=[], credits_per_unit="1"))
    kept = await usage.db.pool.fetch("select credits_per_unit from usage_events order by line")
    assert [f"{row['credits_per_unit']:f}" for row in kept] == [each for *_, each in asked]
    assert (await verify(usage.db)).clean


async def test_an_event_that_no_entry_matches_is_refused_alone_where_the_meter_says_so(usage: Usage) -> None:
    await usage.rate(CARD)
    await usage.rate(RatingTerms(unmatched="reject"))
    events = [
        await usage.reported("1", model="large"),
        await usage.reported("1"),
        await usage.reported("1", model="tiny"),
    ]
    first, unmatched, third = await record_usage(usage.db, events=events)
    assert [str(accepted(outcome).debit) for outcome in (first, third)] == ["4", "2"]
    assert isinstance(unmatched, Refused)
    assert isinstance(unmatched.refusal, Invalid)
    assert (unmatched.refusal.field, unmatched.refusal.own_code) == ("properties", "rate_not_found")
    # Its key is free, for the same event with what was missing.
    (outcome,) = await record_usage(
        usage.db, events=[msgspec.structs.replace(events[1], properties={"model": "large"})]
    )
    assert str(accepted(outcome).debit) == "4"


async def test_law_05_each_entry_of_a_card_has_tiers_of_its_own(usage: Usage) -> None:
    """Other events of the meter do not use an entry's first tier up; the meter's own rate counts apart from them, too."""
    tiers = GraduatedTerms([TierTerms("100", "1"), TierTerms(None, "0.5")])
    small, large = EntryTerms({"model": "small"}, FlatTerms("0.25")), EntryTerms({"model": ["large", "huge"]}, tiers)
    other = EntryTerms({"model": "other"}, tiers)
    await usage.rate(RatingTerms(rate=tiers, rate_card=[small, large, other]))
    used = [("small", "150", "37.5"), ("large", "60", "60"), ("other", "60", "60"), ("none", "60", "60")]
    for model, value, debit in used:
        assert str((await usage.use(value, model=model)).debit) == debit
    for model, debit in (("huge", "50"), ("other", "50"), ("none", "50")):
        event = await usage.use("60", model=model)
        assert str(event.debit) == debit
        assert event.rating is not None
        assert (event.rating.counted, parts(event)) == (60, [("40", "1"), ("20", "0.5")])
    # The count stays with the properties when entries move and prices change; it begins anew where they change.
    dearer = GraduatedTerms([TierTerms("100", "2"), TierTerms(None, "1")])
    moved = EntryTerms({"model": ["huge", "large"]}, dearer)
    await usage.rate(RatingTerms(rate_card=[EntryTerms({"model": "other", "kind": "in"}, dearer), moved]))
    assert str((await usage.use("10", model="large")).debit) == "10"
    assert str((await usage.use("10", model="other", kind="in")).debit) == "20"
    assert (await verify(usage.db)).clean


async def test_an_entry_without_tiers_is_a_plain_debit_beside_one_with_tiers(usage: Usage) -> None:
    await usage.rate(RatingTerms(rate_card=[EntryTerms({"model": "small"}, FlatTerms("0.25")), TIERED_LARGE]))
    flat, tiered = await usage.reported("4", model="small"), await usage.reported("4", model="large")
    assert list(await flow._record_plain(usage.db, events=[flat])) == [0]
    assert list(await flow._record_plain(usage.db, events=[tiered])) == []


async def test_a_new_rate_holds_in_every_process_within_a_second(usage: Usage, database_url: str) -> None:
    """Another process remembers a meter for less than a second after the change, whatever it does meanwhile."""
    bench = usage.bench
    other = await connect(database_url, size_max=1)
    seconds = 10.0
    theirs = UsageNames(other, clock=lambda: seconds)

    async def their_rate() -> Decimal:
        found = await theirs.meters(workspace_id=bench.workspace_id, keys=["a"])
        one, _ = found["a"].meter.credits_per_unit, found["a"].currency
        assert (await theirs.one(workspace_id=bench.workspace_id, customer="nobody", meter="a"))[1] == found["a"]
        return one

    assert await their_rate() == 1
    await change_meter(
        db=usage.db,
        workspace_id=bench.workspace_id,
        meter_id=bench.meters["a"].id,
        rating=RatingTerms(credits_per_unit="7"),
    )
    # Asked for again and again, it is not kept longer.
    seconds = 10.5
    await their_rate()
    seconds = 11.0
    assert await their_rate() == 7
    await other.close()


async def test_many_requests_ask_for_a_meter_once_when_its_second_is_over(usage: Usage) -> None:
    bench, asked = usage.bench, 0

    class Counting(Database):
        async def fetch(self, query: str, *args: object) -> Sequence[Record]:
            nonlocal asked
            asked += "from meters" in query
            return await super().fetch(query, *args)

    names = UsageNames(Counting(usage.db.pool), clock=lambda: usage.seconds[0])
    for _ in range(2):
        found = await asyncio.gather(
            *(names.one(workspace_id=bench.workspace_id, customer="ann", meter="a") for _ in range(50))
        )
        assert {rated.meter.id for _, rated in found if rated is not None} == {bench.meters["a"].id}
        usage.seconds[0] += 1
    assert asked == 2


async def test_law_06_two_processes_at_once_never_sell_a_tier_twice(usage: Usage, database_url: str) -> None:
    """A hundred units are left in the first tier; two hundred are asked for, one by one, by two processes."""
    await usage.rate(TIERED)
    other = await connect(database_url, size_max=4)
    events = [await usage.reported("1") for _ in range(200)]
    outcomes = await asyncio.gather(
        *(record_usage(db, events=[event]) for event, db in zip(events, [usage.db, other] * 100, strict=True))
    )
    await other.close()
    prices = sorted(f"{accepted(outcome).price:f}" for (outcome,) in outcomes)
    assert prices == ["0.5"] * 100 + ["1"] * 100
    assert (await verify(usage.db)).clean


async def test_a_meter_that_gets_tiers_counts_from_then_on(usage: Usage) -> None:
    await usage.use("150")
    await usage.rate(TIERED)
    assert str((await usage.use("100")).debit) == "100"
    await usage.rate(RatingTerms(credits_per_unit="1"))
    assert str((await usage.use("100")).debit) == "100"
    await usage.rate(TIERED)
    assert str((await usage.use("100")).debit) == "50"
    await usage.at((START + timedelta(days=20)).replace(tzinfo=None).isoformat())
    assert str((await usage.use("100")).debit) == "100"
    assert (await verify(usage.db)).clean
