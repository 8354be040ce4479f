"""When a wallet buys credits by itself, as tables. Pure: no database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
import pytest

from replenish.core import ids
from replenish.core.money import Credits, Money
from replenish.recharge.model import AttemptState, Rule, Sale, Terms
from replenish.recharge.policy import Charge, History, Method, NoCharge, Offer, Verdict, decide, windows

NOW: Final = datetime(2025, 11, 24, 9, 30, tzinfo=UTC)
PRICE: Final = ids.PRICE.new()
SALE: Final = Sale(PRICE, Money(10, "USDC"), Credits(200))
OFFER: Final = Offer(sale=SALE, active=True, quantity_max=9999, decimals=6)
CARD: Final = Method(fingerprint="ann's visa", expires_month=11, expires_year=2025, usable=True)
TERMS: Final = Terms(
    price_id=ids.PRICE.text(PRICE),
    unit_amount="10",
    currency="USDC",
    credits_per_pack="200",
    mode="packs",
    packs=1,
    threshold="1000",
    target=None,
    charge_amount_max=None,
    day_amount_max=None,
    day_count_max=None,
    month_amount_max=None,
    payment_method_id="pm_",
    method="visa ···· 4242",
)
ANNS: Final = Rule(
    customer_id=ids.CUSTOMER.new(),
    id=ids.RECHARGE_RULE.new(),
    workspace_id=ids.WORKSPACE.new(),
    wallet_id=ids.WALLET.new(),
    enabled=True,
    threshold=Credits(1000),
    mode="packs",
    packs=1,
    target=None,
    price_id=PRICE,
    currency_id=ids.CURRENCY.new(),
    payment_method_id=ids.PAYMENT_METHOD.new(),
    created_at=NOW,
    updated_at=NOW,
)


def history(
    *,
    state: AttemptState | None = None,
    day: int = 0,
    count: int = 0,
    month: int = 0,
    consented: Terms | None = TERMS,
) -> History:
    return History(
        open_state=state,
        day_amount=Decimal(day),
        day_count=count,
        month_amount=Decimal(month),
        consented=consented,
    )


def judge(
    balance: int | str = 900,
    pending: int = 0,
    *,
    rule: Rule = ANNS,
    offer: Offer | None = OFFER,
    method: Method | None = CARD,
    past: History | None = None,
    frozen: bool = False,
    now: datetime = NOW,
    zone: str = "UTC",
) -> Verdict:
    return decide(
        balance=Credits(Decimal(balance)),
        pending=Credits(pending),
        frozen=frozen,
        rule=rule,
        offer=offer,
        method=method,
        history=past or history(),
        now=now,
        window=windows(now, zone=zone),
    )


EXPIRED: Final = msgspec.structs.replace(CARD, expires_month=10)
ELSEWHERE: Final = msgspec.structs.replace(CARD, usable=False)
WITHDRAWN: Final = msgspec.structs.replace(OFFER, active=False)
DEARER: Final = msgspec.structs.replace(OFFER, sale=Sale(PRICE, Money(11, "USDC"), Credits(200)))
LATER: Final = NOW + timedelta(minutes=55)

# By descending precedence: each row frees one cell of the row above.
#     enabled suspended balance pending open             paused frozen method     offer      (charge, month, day, count)
PRECEDENCE: Final = [
    ("not_enabled", False, True, 1000, 500, "needs_customer", LATER, True, None, None, (5, 5, 5, 0)),
    ("suspended", True, True, 1000, 500, "needs_customer", LATER, True, None, None, (5, 5, 5, 0)),
    ("not_low", True, False, 1000, 500, "needs_customer", LATER, True, None, None, (5, 5, 5, 0)),
    ("covered", True, False, 900, 500, "needs_customer", LATER, True, None, None, (5, 5, 5, 0)),
    ("waiting_for_customer", True, False, 900, 0, "needs_customer", LATER, True, None, None, (5, 5, 5, 0)),
    ("in_flight", True, False, 900, 0, "submitted", LATER, True, None, None, (5, 5, 5, 0)),
    ("paused", True, False, 900, 0, None, LATER, True, None, None, (5, 5, 5, 0)),
    ("frozen", True, False, 900, 0, None, None, True, None, None, (5, 5, 5, 0)),
    ("no_payment_method", True, False, 900, 0, None, None, False, None, None, (5, 5, 5, 0)),
    ("method_expired", True, False, 900, 0, None, None, False, EXPIRED, None, (5, 5, 5, 0)),
    ("provider_unavailable", True, False, 900, 0, None, None, False, ELSEWHERE, None, (5, 5, 5, 0)),
    ("price_inactive", True, False, 900, 0, None, None, False, CARD, None, (5, 5, 5, 0)),
    ("price_inactive", True, False, 900, 0, None, None, False, CARD, WITHDRAWN, (5, 5, 5, 0)),
    ("consent_outdated", True, False, 900, 0, None, None, False, CARD, DEARER, (5, 5, 5, 0)),
    ("cap_charge", True, False, 900, 0, None, None, False, CARD, OFFER, (5, 5, 5, 0)),
    ("cap_month", True, False, 900, 0, None, None, False, CARD, OFFER, (None, 5, 5, 0)),
    ("cap_day_amount", True, False, 900, 0, None, None, False, CARD, OFFER, (None, None, 5, 0)),
    ("cap_day_count", True, False, 900, 0, None, None, False, CARD, OFFER, (None, None, None, 0)),
    ("charge", True, False, 900, 0, None, None, False, CARD, OFFER, (None, None, None, None)),
]


@pytest.mark.parametrize(
    ("reason", "enabled", "suspended", "balance", "pending", "state", "paused", "frozen", "method", "offer", "caps"),
    PRECEDENCE,
)
def test_the_first_reason_that_holds_is_the_one_that_is_told(
    reason: str,
    enabled: bool,
    suspended: bool,
    balance: int,
    pending: int,
    state: AttemptState | None,
    paused: datetime | None,
    frozen: bool,
    method: Method | None,
    offer: Offer | None,
    caps: tuple[int | None, ...],
) -> None:
    charge_max, month_max, day_max = (None if cap is None else Decimal(cap) for cap in caps[:3])
    rule = msgspec.structs.replace(
        ANNS,
        enabled=enabled,
        suspended_at=NOW if suspended else None,
        paused_until=paused,
        charge_amount_max=charge_max,
        month_amount_max=month_max,
        day_amount_max=day_max,
        day_count_max=caps[3],
    )
    verdict = judge(balance, pending, rule=rule, offer=offer, method=method, past=history(state=state), frozen=frozen)
    assert (verdict.reason if isinstance(verdict, NoCharge) else "charge") == reason


# Law 10: the fewest multiples of the rule's packs (200 credits, 10 USDC each) that close the gap in one charge.
SIZES: Final = [
    # balance  pending packs target  caps (charge, month, day) spent (month, day)   packs bought
    ("1000", 0, 1, None, (None, None, None), (0, 0), None),  # at the threshold: nothing
    ("999.99", 0, 1, None, (None, None, None), (0, 0), 1),
    ("801", 0, 1, None, (None, None, None), (0, 0), 1),
    ("800", 0, 1, None, (None, None, None), (0, 0), 1),  # lifts it to the threshold exactly
    ("799.99", 0, 1, None, (None, None, None), (0, 0), 2),
    ("-1000", 0, 1, None, (None, None, None), (0, 0), 10),  # ten packs, one charge
    ("-1000", 0, 3, None, (None, None, None), (0, 0), 12),  # multiples of the rule's packs
    ("-1000", 900, 1, None, (None, None, None), (0, 0), 6),  # what is on its way counts as arrived
    ("999", 0, 1, 3000, (None, None, None), (0, 0), 11),  # target: up to the target
    ("-1000", 0, 1, None, (75, None, None), (0, 0), 7),  # cut to what the caps allow
    ("-1000", 0, 1, None, (75, 100, None), (65, 0), 3),
    ("-1000", 0, 1, None, (75, 100, 90), (65, 65), 2),
    ("-1000", 0, 3, None, (75, None, None), (0, 0), 6),  # and still multiples of the rule's packs
]


@pytest.mark.parametrize(("balance", "pending", "packs", "target", "caps", "spent", "bought"), SIZES)
def test_law_10_one_charge_closes_the_whole_gap_within_the_caps(
    balance: str,
    pending: int,
    packs: int,
    target: int | None,
    caps: tuple[int | None, ...],
    spent: tuple[int, int],
    bought: int | None,
) -> None:
    charge_max, month_max, day_max = (None if cap is None else Decimal(cap) for cap in caps)
    rule = msgspec.structs.replace(
        ANNS,
        packs=packs,
        mode="packs" if target is None else "target",
        target=None if target is None else Credits(target),
        charge_amount_max=charge_max,
        month_amount_max=month_max,
        day_amount_max=day_max,
    )
    verdict = judge(balance, pending, rule=rule, past=history(month=spent[0], day=spent[1]))
    if bought is None:
        assert isinstance(verdict, NoCharge)
    else:
        assert verdict == Charge(packs=bought, amount=Money(10 * bought, "USDC"), credits=Credits(200 * bought))


def test_law_10_the_largest_purchase_that_is_sold_cuts_a_charge_too() -> None:
    verdict = judge(-1000, offer=msgspec.structs.replace(OFFER, quantity_max=4))
    assert isinstance(verdict, Charge)
    assert verdict.packs == 4


@pytest.mark.parametrize("bounds", [{"quantity_max": 1}, {"quantity_min": 3}])
def test_packs_that_are_no_longer_sold_at_once_are_not_charged(bounds: dict[str, int]) -> None:
    verdict = judge(offer=msgspec.structs.replace(OFFER, **bounds), rule=msgspec.structs.replace(ANNS, packs=2))
    assert isinstance(verdict, NoCharge)
    assert verdict.reason == "price_inactive"


# What the customer reads, with the numbers.
SENTENCES: Final = [
    (
        {"month_amount_max": Decimal(20)},
        history(month=20),
        "Monthly cap of 20 USDC reached: 20 USDC charged, one purchase costs 10 USDC; it resets on 1 Dec 2025.",
        datetime(2025, 12, 1, tzinfo=UTC),
    ),
    (
        {"month_amount_max": Decimal("25.5")},
        history(month=20),
        "Monthly cap of 25.5 USDC reached: 20 USDC charged, one purchase costs 10 USDC; it resets on 1 Dec 2025.",
        datetime(2025, 12, 1, tzinfo=UTC),
    ),
    (
        {"day_amount_max": Decimal(10)},
        history(day=10),
        "Daily cap of 10 USDC reached: 10 USDC charged, one purchase costs 10 USDC; it resets on 25 Nov 2025.",
        datetime(2025, 11, 25, tzinfo=UTC),
    ),
    (
        {"day_count_max": 2},
        history(count=2),
        "Daily cap of 2 charges reached: 2 today; it resets on 25 Nov 2025.",
        datetime(2025, 11, 25, tzinfo=UTC),
    ),
    (
        {"charge_amount_max": Decimal(9)},
        history(),
        "Cap per charge of 9 USDC is less than one purchase of 10 USDC.",
        None,
    ),
    (
        {"paused_until": LATER},
        history(),
        "The last charge was declined; the next try is on 24 Nov 2025 10:25 UTC.",
        LATER,
    ),
]


@pytest.mark.parametrize(("fields", "past", "sentence", "until"), SENTENCES)
def test_law_13_a_refusal_says_why_in_numbers_and_until_when(
    fields: dict[str, object], past: History, sentence: str, until: datetime | None
) -> None:
    verdict = judge(rule=msgspec.structs.replace(ANNS, **fields), past=past)
    assert isinstance(verdict, NoCharge)
    assert (verdict.detail, verdict.until) == (sentence, until)


def test_law_12_days_and_months_are_the_workspace_s() -> None:
    late_in_berlin = datetime(2025, 11, 30, 23, 30, tzinfo=UTC)
    berlin = windows(late_in_berlin, zone="Europe/Berlin")
    assert berlin.month == datetime(2025, 11, 30, 23, tzinfo=UTC)
    assert berlin.day_end == datetime(2025, 12, 1, 23, tzinfo=UTC)
    assert berlin.month_end == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert windows(late_in_berlin, zone="UTC").month == datetime(2025, 11, 1, tzinfo=UTC)


def test_a_day_on_which_the_clocks_change_is_as_long_as_it_is() -> None:
    spring = windows(datetime(2026, 3, 29, 12, tzinfo=UTC), zone="Europe/Berlin")
    autumn = windows(datetime(2026, 10, 25, 12, tzinfo=UTC), zone="Europe/Berlin")
    assert spring.day_end - spring.day == timedelta(hours=23)
    assert autumn.day_end - autumn.day == timedelta(hours=25)


def test_a_card_is_good_to_the_end_of_its_month_where_the_merchant_is() -> None:
    last = datetime(2025, 11, 30, 23, 30, tzinfo=UTC)
    assert isinstance(judge(now=last), Charge)
    verdict = judge(now=last, zone="Europe/Berlin")
    assert isinstance(verdict, NoCharge)
    assert verdict.reason == "method_expired"


def test_law_12_without_a_recorded_consent_nothing_is_charged() -> None:
    verdict = judge(past=history(consented=None))
    assert isinstance(verdict, NoCharge)
    assert verdict.reason == "consent_outdated"


@pytest.mark.parametrize(
    "sale",
    [
        Sale(PRICE, Money(9, "USDC"), Credits(200)),  # cheaper is another price, too
        Sale(PRICE, Money(10, "USD"), Credits(200)),
        Sale(PRICE, Money(10, "USDC"), Credits(199)),
        Sale(ids.PRICE.new(), Money(10, "USDC"), Credits(200)),
    ],
)
def test_law_12_a_price_that_nobody_agreed_to_is_not_charged(sale: Sale) -> None:
    verdict = judge(offer=msgspec.structs.replace(OFFER, sale=sale))
    assert isinstance(verdict, NoCharge)
    assert verdict.reason == "consent_outdated"
