"""Bad input by resource: what differs from a good body, and the field that the answer must name."""

from collections.abc import Callable
from typing import Any

from support.api_shop import Shop

HUGE = "9" * 400
# For every text: what PostgreSQL cannot hold, or what is no text. {} is the field's name in the table below.
NO_TEXT: list[Any] = [5, None, True, ["x"], {"x": 1}, "a\0b"]
NO_AMOUNT: list[Any] = [
    5,
    1.5,
    None,
    "",
    " 1",
    "1e5",
    "NaN",
    "Infinity",
    "-1",
    "1,5",
    "0x10",
    "٣",
    "1.1234567890123456789",
    HUGE,
    f"0.{HUGE}",
    "9" * 60,
    ".5",
    "5.",
    "--1",
    "1\0",
]
NO_INTEGER: list[Any] = ["5", 1.5, None, -1, 10**30, int(HUGE)]
NO_KEY: list[Any] = [*NO_TEXT, "", "a b", "a/b", "-a", "ü", "x" * 256]
NO_URL: list[Any] = [
    5,
    "x",
    "javascript:alert(1)",
    "//shop.example",
    "https://",
    "https://a b",
    "https://u:p@shop.example/",
    "http://[::1",
    "https://shop.example:99999/",
    "https://x/" + "y" * 2048,
    "a\0b",
]
NO_METADATA: list[tuple[Any, str]] = [
    (5, "metadata"),
    (["x"], "metadata"),
    (None, "metadata"),
    ({"a": [1]}, "metadata.a"),
    ({"a": {"b": 1}}, "metadata.a"),
    ({"": 1}, "metadata"),
    ({"k" * 65: 1}, "metadata"),
    ({f"k{n}": n for n in range(51)}, "metadata"),
    ({"a": "x" * 9000}, "metadata.a"),
    ({f"k{n}": "x" * 400 for n in range(40)}, "metadata"),
    ({"a": 10**30}, "metadata.a"),
    ({"a": "x\0"}, "metadata.a"),
    ({"a\0": 1}, "metadata"),
]


Row = tuple[dict[str, Any], str]


def each(field: str, values: list[Any]) -> list[Row]:
    """A row for each value of one field, which the answer must name."""
    return [({field: value}, field) for value in values]


def given(values: list[Any]) -> list[Any]:
    """Without null, where null says "none"."""
    return [value for value in values if value is not None]


def metadata() -> list[Row]:
    return [({"metadata": value}, field) for value, field in NO_METADATA]


def campaigns(_: Shop) -> list[Row]:
    return [*each("name", [*NO_TEXT, "", " ", "x" * 256]), *metadata()]


def products(_: Shop) -> list[Row]:
    return [
        *each("name", [*NO_TEXT, "", " ", "x" * 256]),
        *each("type", ["addon", 5, None, ""]),
        *each("description", [5, "x" * 2001, "a\0"]),
        *each("campaign_id", ["cmp_x", "prod_01k00000000000000000000000", "x" * 300, 5, "cmp_" + "0" * 26]),
        *each("lookup_key", given(NO_KEY)),
        *metadata(),
    ]


def prices(shop: Shop) -> list[Row]:
    return [
        *each("product_id", ["nothing", "prod_" + "0" * 26, 5, None, ""]),
        *each("currency_id", ["GBX", "pc_" + "0" * 26, shop.made["meters"]["currency_id"], 5]),
        *each("unit_amount", [*NO_AMOUNT, "1.1234567"]),
        *each("quantity_max", [*NO_INTEGER, 0, 10_000]),
        *each("type", ["recurring", 5]),
        *each("nickname", [5, "x" * 256, "a\0"]),
        *each("lookup_key", given(NO_KEY)),
        *each("meter_id", ["nothing", "mtr_" + "0" * 26, 5]),
        *_credit_config_rows(shop),
        *_option_rows(shop),
        *metadata(),
    ]


def payment_currencies(_: Shop) -> list[Row]:
    return [
        *each("name", [*NO_TEXT, "", "x" * 65]),
        *each("type", ["gold", None, 5]),
        *each("symbol", ["", "x" * 33, 5, "a\0"]),
        *each("decimals", [*given(NO_INTEGER), 19]),
        *each("overdraft_policy", ["sometimes", 5]),
        *[({"overdraft_policy": "limited", "overdraft_limit": value}, "overdraft_limit") for value in NO_AMOUNT],
        ({"overdraft_limit": "5"}, "overdraft_limit"),
        ({"code": "GBP"}, "code"),
        ({"type": "standard"}, "code"),
        ({"type": "standard", "code": "gbp"}, "code"),
        ({"type": "standard", "code": "GB"}, "code"),
        ({"type": "standard", "code": "GBP", "decimals": 0}, "decimals"),
        ({"type": "standard", "code": "KWD", "decimals": 2}, "decimals"),
        ({"type": "standard", "code": "GBP", "overdraft_policy": "unlimited"}, "overdraft_policy"),
        *metadata(),
    ]


def meters(shop: Shop) -> list[Row]:
    return [
        *each("name", [*NO_TEXT, "", "x" * 65]),
        *each("event_name", [*NO_KEY, "x" * 65]),
        *each("unit", [*NO_TEXT, "", "x" * 33]),
        *each("aggregation", ["max", 5, None]),
        *each("credits_per_unit", NO_AMOUNT),
        *each("currency_id", ["USD", "nothing", "pc_" + "0" * 26, 5]),
        *each("decimals", [*given(NO_INTEGER), 19]),
        *each("description", [5, "x" * 256, "a\0"]),
        ({"currency_id": shop.made["meters"]["currency_id"], "decimals": 2}, "decimals"),
        *metadata(),
    ]


def payment_links(_: Shop) -> list[Row]:
    return [
        *each("price_id", ["nothing", "price_" + "0" * 26, 5, None]),
        *each("quantity", [*NO_INTEGER, 0, 10_000]),
        *each("quantity_adjustable", ["true", 1, None]),
        *each("after_completion_url", NO_URL),
        *each("name", [5, "x" * 256, "a\0"]),
        *metadata(),
    ]


def customers(_: Shop) -> list[Row]:
    return [
        *each("external_id", [*NO_TEXT, "", " ", "x" * 256]),
        *each("email", [5, "ann", "ann@", "@example.com", "a b@example.com", "ann@example", "x" * 300, "a\0@b.c"]),
        *each("name", [5, None, "x" * 256, "a\0"]),
        *metadata(),
    ]


def portal_sessions(_: Shop) -> list[Row]:
    return [*each("customer_id", [5, None, "", "a\0"]), *each("return_url", NO_URL)]


def api_keys(_: Shop) -> list[Row]:
    return [
        *each("name", [*NO_TEXT, "", "x" * 129]),
        *each("scopes", [None, [], "read", ["read"] * 21]),
        ({"scopes": ["everything"]}, "scopes[0]"),
        ({"scopes": ["read", 5]}, "scopes[1]"),
        *each("expires_at", ["soon", 5, "2020-01-01T00:00:00Z", "2090-01-01T00:00:00", "9999-12-31T23:59:59-23:59"]),
    ]


RESOURCES: dict[str, Callable[[Shop], list[Row]]] = {
    table.__name__: table
    for table in (
        campaigns,
        products,
        prices,
        payment_currencies,
        meters,
        payment_links,
        customers,
        portal_sessions,
        api_keys,
    )
}


CHANGES = {
    "campaigns": "CampaignChanges",
    "products": "ProductChanges",
    "prices": "PriceChanges",
    "payment_currencies": "PaymentCurrencyChanges",
    "meters": "MeterChanges",
    "payment_links": "PaymentLinkChanges",
    "customers": "CustomerChanges",
}


def rows(resource: str, shop: Shop) -> list[Row]:
    return [({"nonsense": 1}, "nonsense"), *RESOURCES[resource](shop)]


def _credit_config_rows(shop: Shop) -> list[Row]:
    good = shop.body("prices")["credit_config"]
    found: list[Row] = [
        ({"credit_config": None}, "credit_config"),
        ({"credit_config": 5}, "credit_config"),
        ({"credit_config": {}}, "credit_config.currency_id"),
        ({"credit_config": {**good, "nonsense": 1}}, "credit_config.nonsense"),
        ({"credit_config": {**good, "currency_id": "USD"}}, "credit_config.currency_id"),
        ({"credit_config": {**good, "scope": ["nothing"]}}, "credit_config.scope[0]"),
        ({"credit_config": {**good, "scope": ["api_call"] * 51}}, "credit_config.scope"),
        ({"credit_config": {**good, "valid_duration_unit": "fortnights"}}, "credit_config.valid_duration_unit"),
        (
            {"credit_config": {**good, "valid_duration_value": 101, "valid_duration_unit": "years"}},
            "credit_config.valid_duration_value",
        ),
    ]
    for name, values in (
        ("credit_amount", [*NO_AMOUNT, "0", "0.001"]),
        ("priority", [*NO_INTEGER, 101]),
        ("valid_duration_value", [*NO_INTEGER, 10**7]),
    ):
        found += [({"credit_config": {**good, name: value}}, f"credit_config.{name}") for value in values]
    return found


def _option_rows(shop: Shop) -> list[Row]:
    euro = {"currency_id": "EUR", "unit_amount": "9"}
    return [
        ({"currency_options": 5}, "currency_options"),
        ({"currency_options": [euro, 5]}, "currency_options[1]"),
        ({"currency_options": [euro] * 21}, "currency_options"),
        ({"currency_options": [euro, euro]}, "currency_options[1].currency_id"),
        ({"currency_options": [{**euro, "currency_id": "USDC"}]}, "currency_options[0].currency_id"),
        ({"currency_options": [{**euro, "currency_id": "XXX"}]}, "currency_options[0].currency_id"),
        ({"currency_options": [euro, {"currency_id": "JPY", "unit_amount": "9.5"}]}, "currency_options[1].unit_amount"),
        ({"currency_options": [{**euro, "unit_amount": "-1"}]}, "currency_options[0].unit_amount"),
        (
            {"currency_options": [{**euro, "currency_id": shop.made["meters"]["currency_id"]}]},
            "currency_options[0].currency_id",
        ),
    ]
