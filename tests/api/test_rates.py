"""Rates over HTTP: what a meter shows is what it was given, and an event shows how it was charged."""

from collections.abc import AsyncIterator

import pytest

from support.world import World, open_world

pytestmark = pytest.mark.anyio

FLAT = {"type": "flat", "credits_per_unit": "2"}
PACKAGE = {"type": "package", "package_size": "1000", "credits_per_package": "0.5"}
GRADUATED = {
    "type": "graduated",
    "tiers": [{"up_to": "10", "credits_per_unit": "1"}, {"up_to": None, "credits_per_unit": "0.5"}],
}
CARD = [
    {"properties": {"model": "large", "kind": ["input", "cached"]}, "rate": FLAT},
    {"properties": {"model": ["small", "tiny"]}, "rate": PACKAGE},
]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as opened:
        yield opened


def meter(**terms: object) -> dict[str, object]:
    return {"name": "Tokens", "event_name": "tokens", "unit": "token", **terms}


async def test_a_meter_shows_the_rates_it_was_given(world: World) -> None:
    made = await world.api.post("/meters", meter(rate=GRADUATED, rate_card=CARD, unmatched="reject"))
    assert {name: made[name] for name in ("credits_per_unit", "rate", "rate_card", "unmatched")} == {
        "credits_per_unit": None,
        "rate": GRADUATED,
        "rate_card": CARD,
        "unmatched": "reject",
    }
    assert await world.api.get("/meters/tokens") == made
    assert (await world.api.get("/meters"))["data"] == [made]
    named = await world.api.patch("/meters/tokens", {"name": "Words"})
    assert named == made | {"name": "Words"}
    flat = await world.api.patch("/meters/tokens", {"credits_per_unit": "0.1", "rate_card": []})
    assert (flat["credits_per_unit"], flat["rate"], flat["rate_card"]) == (
        "0.1",
        {"type": "flat", "credits_per_unit": "0.1"},
        [],
    )


async def test_a_meter_costs_1_unless_something_is_said(world: World) -> None:
    made = await world.api.post("/meters", meter())
    assert (made["credits_per_unit"], made["rate"]["credits_per_unit"], made["unmatched"]) == ("1", "1", "default")


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"rate": {"type": "stairs"}}, "rate"),
        ({"rate": {"type": "flat"}}, "rate"),
        ({"rate": FLAT, "credits_per_unit": "1"}, "credits_per_unit"),
        ({"rate": PACKAGE, "aggregation": "count"}, "rate.type"),
        ({"rate": PACKAGE | {"package_size": "0"}}, "rate.package_size"),
        ({"rate": PACKAGE | {"sizes": "1"}}, "rate"),
        ({"rate": {"type": "graduated", "tiers": []}}, "rate.tiers"),
        ({"rate": {"type": "graduated", "tiers": [{"up_to": "1", "credits_per_unit": "1"}]}}, "rate.tiers[0].up_to"),
        ({"rate_card": [{"properties": {}, "rate": FLAT}]}, "rate_card[0].properties"),
        ({"rate_card": [CARD[0], CARD[0]]}, "rate_card[1].properties"),
        ({"rate_card": [{"properties": {"model": 5}, "rate": FLAT}]}, "rate_card[0].properties"),
        ({"unmatched": "free"}, "unmatched"),
    ],
)
async def test_a_rate_that_cannot_hold_names_its_field(world: World, terms: dict[str, object], field: str) -> None:
    problem = await world.api.post("/meters", meter(**terms), status=422)
    assert problem["errors"][0]["field"].startswith(field)
    assert (await world.api.get("/meters"))["data"] == []


async def test_an_event_shows_what_it_was_charged_at(world: World) -> None:
    made = await world.api.post("/meters", meter(rate=GRADUATED, rate_card=CARD))
    await world.api.post("/customers", {"external_id": "ann"})
    grant = {"customer_id": "ann", "currency_id": made["currency_id"], "amount": "100", "category": "paid"}
    await world.api.post("/credit_grants", grant)

    async def used(key: str, value: str, **properties: str) -> dict[str, object]:
        body = {"customer_id": "ann", "meter_id": "tokens", "idempotency_key": key, "value": value}
        return (await world.api.post("/usage", body | {"properties": properties}))["event"]

    packages = await used("1", "1200", model="tiny")
    rating = packages["rating"]
    assert (packages["price"], packages["credits_per_unit"]) == ("1", "0.5")
    assert isinstance(rating, dict)
    assert rating == {
        "type": "package",
        "parts": [{"units": "2", "rate": "0.5"}],
        "package_size": "1000",
        "month": None,
        "units": None,
        "counted": None,
    }
    tiers = await used("2", "12")
    assert (tiers["price"], tiers["credits_per_unit"]) == ("11", "0.5")
    rating = tiers["rating"]
    assert isinstance(rating, dict)
    assert (rating["units"], rating["counted"], len(rating["parts"])) == ("12", "0", 2)
    assert await used("2", "12") == tiers
    listed = (await world.api.get("/usage_events", customer_id="ann"))["data"]
    assert listed == [tiers, packages]
    held = await world.api.post(
        "/holds", {"customer_id": "ann", "meter_id": "tokens", "value": "3000", "properties": {"model": "small"}}
    )
    assert (held["amount"], held["properties"]) == ("1.5", {"model": "small"})
