"""What may be saved as a rule, and what needs consent, as tables."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
import pytest

from replenish.core import ids
from replenish.core.errors import Invalid
from replenish.core.money import Credits, Money
from replenish.recharge.drafts import check, needs_consent, terms_of, wording
from replenish.recharge.model import Draft, Rule, Sale
from replenish.recharge.policy import Offer

NOW: Final = datetime(2025, 11, 24, 9, 30, tzinfo=UTC)
PRICE: Final = ids.PRICE.new()
USDC: Final = ids.CURRENCY.new()
CARD: Final = ids.PAYMENT_METHOD.new()
OFFER: Final = Offer(sale=Sale(PRICE, Money(10, "USDC"), Credits(200_000)), active=True, quantity_max=50, decimals=6)
BENS: Final = Draft(
    enabled=True,
    threshold=Credits(50_000),
    price_id=PRICE,
    currency_id=USDC,
    payment_method_id=CARD,
    month_amount_max=Decimal(20),
)


def changed(**fields: object) -> Draft:
    return msgspec.structs.replace(BENS, **fields)


def test_the_guide_s_rule_is_fine() -> None:
    check(BENS, offer=OFFER, credit_decimals=2)
    check(changed(threshold=Credits(0)), offer=OFFER, credit_decimals=2)
    check(changed(mode="target", target=Credits(50_001)), offer=OFFER, credit_decimals=2)


REFUSED: Final = [
    ({"threshold": Credits(-1)}, "threshold", "invalid", "at least 0"),
    ({"threshold": Credits(Decimal("0.001"))}, "threshold", "too_many_decimals", "2 decimals"),
    ({"threshold": Credits(200_000)}, "packs", "never_satisfiable", "1 pack (200000 credits)"),
    ({"threshold": Credits(400_001), "packs": 2}, "packs", "never_satisfiable", "2 packs (400000 credits)"),
    ({"mode": "target"}, "target", "invalid", "needs a target"),
    ({"target": Credits(60_000)}, "target", "invalid", "mode 'target'"),
    ({"mode": "target", "target": Credits(50_000)}, "target", "never_satisfiable", "threshold of 50000"),
    ({"mode": "target", "target": Credits(Decimal("50000.001"))}, "target", "too_many_decimals", "2 decimals"),
    ({"packs": 0}, "packs", "invalid", "from 1 to 50"),
    ({"packs": 51}, "packs", "invalid", "from 1 to 50"),
    (
        {"month_amount_max": Decimal(9)},
        "month_amount_max",
        "cap_below_purchase",
        "9 USDC is less than one purchase of 10",
    ),
    ({"packs": 3}, "month_amount_max", "cap_below_purchase", "20 USDC is less than one purchase of 30 USDC"),
    ({"day_amount_max": Decimal(0)}, "day_amount_max", "cap_below_purchase", "0 USDC"),
    ({"charge_amount_max": Decimal("9.99")}, "charge_amount_max", "cap_below_purchase", "9.99 USDC"),
    ({"charge_amount_max": Decimal("10.0000001")}, "charge_amount_max", "too_many_decimals", "6 decimals"),
    ({"day_count_max": 0}, "day_count_max", "invalid", "from 1"),
]


@pytest.mark.parametrize(("fields", "field", "code", "says"), REFUSED)
def test_law_12_what_could_never_work_is_refused_when_saved(
    fields: dict[str, object], field: str, code: str, says: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check(changed(**fields), offer=OFFER, credit_decimals=2)
    assert (refused.value.field, refused.value.own_code) == (field, code)
    assert says in refused.value.detail


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"active": False}, "price_id"),
        ({"sale": Sale(PRICE, Money(0, "USDC"), Credits(200_000))}, "price_id"),
        ({"quantity_min": 2}, "packs"),
    ],
)
def test_an_offer_that_cannot_be_charged_is_refused_when_saved(fields: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(changed(month_amount_max=None), offer=msgspec.structs.replace(OFFER, **fields), credit_decimals=2)
    assert refused.value.field == field


def stands(**fields: object) -> Rule:
    rule = Rule(
        customer_id=ids.CUSTOMER.new(),
        id=ids.RECHARGE_RULE.new(),
        workspace_id=ids.WORKSPACE.new(),
        wallet_id=ids.WALLET.new(),
        enabled=True,
        threshold=BENS.threshold,
        mode="packs",
        packs=1,
        target=None,
        price_id=PRICE,
        currency_id=USDC,
        payment_method_id=CARD,
        month_amount_max=Decimal(20),
        created_at=NOW,
        updated_at=NOW,
    )
    return msgspec.structs.replace(rule, **fields)


CONSENT: Final = [
    ({}, False),
    ({"enabled": False}, False),
    ({"threshold": Credits(40_000)}, False),
    ({"month_amount_max": Decimal(10)}, False),
    ({"charge_amount_max": Decimal(10)}, False),  # a cap where there was none
    ({"threshold": Credits(50_001)}, True),
    ({"packs": 2}, True),
    ({"month_amount_max": Decimal(21)}, True),
    ({"month_amount_max": None}, True),
    ({"payment_method_id": ids.PAYMENT_METHOD.new()}, True),
    ({"price_id": ids.PRICE.new()}, True),
    ({"currency_id": ids.CURRENCY.new()}, True),
    ({"mode": "target", "target": Credits(60_000)}, True),
]


@pytest.mark.parametrize(("fields", "needed"), CONSENT)
def test_law_12_raising_anything_needs_consent_and_lowering_does_not(fields: dict[str, object], needed: bool) -> None:
    assert needs_consent(stands(), changed(**fields)) is needed


def test_law_12_switching_on_always_needs_consent() -> None:
    assert needs_consent(None, BENS)
    assert needs_consent(stands(enabled=False, consent_id=ids.CONSENT.new()), BENS)
    assert not needs_consent(None, changed(enabled=False))


def test_the_consent_s_words_name_all_that_can_be_charged() -> None:
    words = wording(BENS, offer=OFFER, merchant="Acme", method="visa ···· 4242", unit="credits")
    assert words == (
        "I allow Acme to charge visa ···· 4242 without asking me again whenever my balance falls below 50,000 credits:"
        " 1 pack (200,000 credits) for 10 USDC, or as many times that as it takes to reach 50,000 credits again;"
        " at most 20 USDC a month. I can switch this off at any time."
    )
    free = changed(mode="target", target=Credits(90_000), month_amount_max=None)
    assert "to reach 90,000 credits; without a limit." in wording(
        free, offer=OFFER, merchant="Acme", method="visa ···· 4242", unit="credits"
    )
    limited = changed(charge_amount_max=Decimal("12.5"), day_amount_max=Decimal(15), day_count_max=1)
    assert "at most 12.5 USDC per charge, 15 USDC a day, 20 USDC a month, 1 charge a day." in wording(
        limited, offer=OFFER, merchant="Acme", method="visa ···· 4242", unit="credits"
    )


def test_the_terms_are_those_of_the_offer() -> None:
    terms = terms_of(BENS, offer=OFFER, method="visa ···· 4242")
    assert terms.covers(OFFER.sale, price_id=ids.PRICE.text(PRICE))
    with pytest.raises(Invalid):
        terms_of(changed(payment_method_id=None), offer=OFFER, method="")
