"""Twin wallets: the same lots and the same events twice, to compare what two ways of recording them leave behind."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st
from tests.ledger.books import START, Bench, lay

from replenish.catalog.model import Meter
from replenish.catalog.rates import FlatRate, GraduatedRate, PackageRate, RateCard, RateCardEntry, Tier
from replenish.core.db import Database
from replenish.core.money import Credits
from replenish.flows.grant_credits import grant_credits
from replenish.flows.hold_credits import HoldRequest, hold_credits
from replenish.flows.record_usage import NewUsage, Outcome, Refused
from replenish.wallets.book import NewLot

LOTS = st.lists(
    st.fixed_dictionaries(
        {
            "amount": st.sampled_from(["5", "100", "1000"]),
            "priority": st.sampled_from([10, 50]),
            "category": st.sampled_from(["paid", "promotional"]),
            "hours": st.sampled_from([None, 1, 24]),
            "starts": st.sampled_from([None, None, 2]),
            "scope": st.sampled_from(["", "", "a", "b", "ab"]),
        }
    ),
    min_size=1,
    max_size=4,
)
EVENT = st.fixed_dictionaries(
    {
        "key": st.integers(0, 200),
        "meter": st.sampled_from(["a", "a", "a", "b", None, "packaged", "carded", "tiered"]),
        "value": st.sampled_from(["0", "0.001", "0.017", "1", "1", "2.5", "7"]),
        "ago": st.sampled_from([None] * 8 + [timedelta(days=3)] * 3 + [timedelta(days=36), timedelta(minutes=-6)]),
        "shortfall": st.sampled_from([None, "owe", "reject"]),
    }
)
EVENTS = st.lists(EVENT, min_size=1, max_size=4)


async def stage(db: Database, lots: list[dict[str, Any]], *, held: bool) -> Bench:
    """At two hours after the start: some lots have lapsed or begun, and are booked by whoever comes first."""
    bench = await lay(db)
    for lot in lots:
        new = NewLot(
            amount=Credits(Decimal(lot["amount"])),
            category=lot["category"],
            source="api",
            priority=lot["priority"],
            effective_at=None if lot["starts"] is None else START + timedelta(hours=lot["starts"]),
            expires_at=None
            if lot["hours"] is None
            else START + timedelta(hours=lot["hours"] + 3 * (lot["starts"] or 0)),
            scope=tuple(bench.meters[name].id for name in lot["scope"]),
        )
        await grant_credits(db, ref=bench.ref, new=new)
    if held and any(not lot["scope"] and lot["starts"] is None for lot in lots):
        request = HoldRequest(
            customer_id=bench.ann, currency=bench.currency, meter=None, value=Decimal(2), seconds=86_000
        )
        await hold_credits(db, workspace_id=bench.workspace_id, request=request)
    return bench


PACKAGE = PackageRate(Decimal(2), Decimal("1.005"))
TIERS = GraduatedRate((Tier(Decimal(3), Decimal("0.7")), Tier(None, Decimal("0.333"))))
CARD = RateCard(
    [RateCardEntry({"odd": ["true"]}, FlatRate(Decimal("0.3"))), RateCardEntry({"odd": ["false"]}, PACKAGE)]
)


def rated(bench: Bench, name: str) -> Meter:
    """Meter a, or as it would be with another rating."""
    base = bench.meters["a" if len(name) > 1 else name]
    match name:
        case "packaged":
            return msgspec.structs.replace(base, rate=PACKAGE)
        case "carded":
            return msgspec.structs.replace(base, rate_card=CARD)
        case "tiered":
            return msgspec.structs.replace(base, rate=TIERS)
        case _:
            return base


def reported(bench: Bench, event: dict[str, Any]) -> NewUsage:
    return NewUsage(
        workspace_id=bench.workspace_id,
        customer_id=bench.ann,
        currency=bench.currency,
        meter=None if event["meter"] is None else rated(bench, event["meter"]),
        key=f"job-{event['key']}",
        value=Decimal(event["value"]),
        occurred_at=None if event["ago"] is None else START - event["ago"],
        shortfall=event["shortfall"],
        properties={"odd": event["key"] % 2 == 1},
    )


def told(bench: Bench, lots: list[Any], outcome: Outcome) -> object:
    """What two twins must say alike: everything but their own ids and real time."""
    if isinstance(outcome, Refused):
        return outcome.refusal.own_code, {name: str(number) for name, number in outcome.refusal.numbers.items()}
    event = outcome.event
    meters = {meter.id: name for name, meter in bench.meters.items()} | {None: None}
    return (
        (meters[event.meter_id], event.key, event.value, event.credits_per_unit, event.price, event.debit, event.owed),
        [(lots.index(lot_id), amount) for lot_id, amount in zip(event.lot_ids, event.lot_amounts, strict=True)],
        (event.rating, event.properties),
        (event.line, event.balance_after, event.occurred_at, event.booked_at, outcome.replayed, outcome.balance),
    )


async def rows(db: Database, bench: Bench) -> tuple[object, ...]:
    wallet = await db.pool.fetchrow(
        "select now_at, line, issued, available, held, owed, spent, expired, revoked, carry, good_until from wallets"
        " where customer_id = $1",
        bench.ann,
    )
    lots = await db.pool.fetch(
        "select remaining, held, opened_at, expired_at, closed_at from lots where customer_id = $1 order by id",
        bench.ann,
    )
    days = await db.pool.fetch(
        "select day, meter_id is null as bare, events, value, debit, reversed from usage_days where customer_id = $1"
        " order by day, bare, debit, events",
        bench.ann,
    )
    months = await db.pool.fetch("select month, units from usage_months where customer_id = $1", bench.ann)
    moved = await db.pool.fetch(
        "select kind, amount, booked_at from transfers where customer_id = $1 order by kind, amount, booked_at",
        bench.ann,
    )
    return (
        wallet and dict(wallet),
        [dict(lot) for lot in lots],
        [dict(day) for day in days],
        [dict(month) for month in months],
        [dict(one) for one in moved],
    )


async def lots_of(db: Database, bench: Bench) -> list[Any]:
    found = await db.pool.fetch("select id from lots where customer_id = $1 order by id", bench.ann)
    return [row["id"] for row in found]
