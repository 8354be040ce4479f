"""Reading a typed card, and the weather of each: tables."""

from datetime import UTC, datetime

import pytest

from replenish.providers.sandbox.cards import (
    CARDS,
    DECLINES,
    Answer,
    Asks,
    Card,
    FieldErrors,
    Pays,
    Refuses,
    Vanishes,
    Waits,
    Weather,
    forecast,
    luhn,
    read_card,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "expires", "cvc", "wrong"),
    [
        ("4242 4242 4242 4242", "12/30", "123", ""),
        ("4242-4242-4242-4242", " 1 / 2027 ", "000", ""),
        ("4242424242424242", "11/26", "123", ""),
        ("378282246310005", "12/30", "1234", ""),
        ("378282246310005", "12/30", "123", "cvc"),
        ("4242424242424242", "12/30", "1234", "cvc"),
        ("4242424242424242", "12/30", "12³", "cvc"),
        ("4242424242424242", "10/26", "123", "expires"),
        ("4242424242424242", "13/30", "123", "expires"),
        ("4242424242424242", "0/30", "123", "expires"),
        ("4242424242424242", "12/2099", "123", "expires"),
        ("4242424242424242", "soon", "123", "expires"),
        ("4242424242424241", "12/30", "123", "number"),
        # Right check digit, but not a test card: could be somebody's.
        ("4111111111111111", "12/30", "123", "number"),
        ("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "12/30", "123", "number"),
        ("", "", "", "number expires cvc"),
    ],
)
def test_a_typed_card(number: str, expires: str, cvc: str, wrong: str) -> None:
    found = read_card(number=number, expires=expires, cvc=cvc, now=NOW)
    if wrong:
        assert isinstance(found, FieldErrors)
        assert set(found.fields) == set(wrong.split())
    else:
        assert isinstance(found, Card)


def test_one_number_one_fingerprint() -> None:
    first = read_card(number="4242424242424242", expires="12/30", cvc="123", now=NOW)
    again = read_card(number="4242 4242 4242 4242", expires="11/31", cvc="999", now=NOW)
    other = read_card(number="5555555555554444", expires="12/30", cvc="123", now=NOW)
    assert isinstance(first, Card)
    assert isinstance(again, Card)
    assert isinstance(other, Card)
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_every_card_is_a_card_and_every_weather_has_one() -> None:
    assert all(luhn(card.number) for card in CARDS)
    assert {card.weather for card in CARDS} == set(Weather)


LOST = Refuses(DECLINES["lost_card"])
SOFT = Refuses(DECLINES["card_declined"])
EMPTY = Refuses(DECLINES["insufficient_funds"])


@pytest.mark.parametrize(
    ("weather", "present", "authenticated", "charges", "submits", "answer"),
    [
        (Weather.PAYS, False, False, 0, 0, Pays()),
        (Weather.DECLINES, True, False, 0, 0, SOFT),
        (Weather.NO_FUNDS, True, False, 0, 0, EMPTY),
        (Weather.LOST, False, False, 0, 0, LOST),
        (Weather.EXPIRED, False, False, 0, 0, Refuses(DECLINES["expired_card"])),
        (Weather.ASKS_ALWAYS, True, False, 0, 0, Asks()),
        (Weather.ASKS_ALWAYS, True, True, 0, 0, Pays()),
        (Weather.ASKS_WHEN_ABSENT, True, False, 0, 0, Pays()),
        (Weather.ASKS_WHEN_ABSENT, False, False, 0, 0, Asks()),
        (Weather.ASKS_WHEN_ABSENT, False, True, 0, 0, Pays()),
        (Weather.DECLINES_WHEN_ABSENT, True, False, 0, 0, Pays()),
        (Weather.DECLINES_WHEN_ABSENT, False, False, 0, 0, SOFT),
        (Weather.PAYS_SILENTLY, False, False, 0, 0, Pays(reply_lost=True)),
        (Weather.SILENT, False, False, 0, 0, Vanishes()),
        (Weather.SILENT, False, False, 0, 1, Pays()),
        (Weather.PAYS_LATE, False, False, 0, 0, Waits()),
        (Weather.DECLINES_LATE, False, False, 0, 0, Waits()),
        (Weather.RUNS_EMPTY, False, False, 2, 0, Pays()),
        (Weather.RUNS_EMPTY, False, False, 3, 0, EMPTY),
    ],
)
def test_the_weather(
    weather: Weather, present: bool, authenticated: bool, charges: int, submits: int, answer: Answer
) -> None:
    found = forecast(weather, customer_present=present, authenticated=authenticated, charges=charges, submits=submits)
    assert found == answer
