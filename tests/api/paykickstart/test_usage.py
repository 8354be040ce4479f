"""The guide's two endpoints: what is read, what is taken, what is added, and every way of asking."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from replenish.core.ids import CUSTOMER, PRODUCT
from support.addons import EMAIL, Store, make_addon, open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as opened:
        yield opened
        await opened.assert_books_agree()


async def test_a_read_has_the_whole_shape(store: Store) -> None:
    await store.use(-9)
    body = await store.ok("usage", email=EMAIL, product_id=store.pack.number)
    data = body["data"]
    assert isinstance(data.pop("as_of"), int)
    assert data == {
        "buyer": {"id": CUSTOMER.text(store.ann), "email": EMAIL},
        "addon": {
            "product_id": store.pack.number,
            "product_name": "500 credits",
            "campaign_id": store.campaign,
            "invoice_id": None,
        },
        "balance": "103",
        "available": "103",
        "reserved": "0",
        "pending": "0",
        "credits_purchased": "100",
        "credits_added": "12",
        "credits_used": "9",
        "credits_expired": "0",
        "credits_refunded": "0",
        "unit": "500 credits",
        "auto_topup": {
            "allowed": True,
            "enabled": False,
            "threshold": None,
            "trigger": "below",
            "mode": "pack",
            "credits": "500",
            "price": "19.00",
            "currency": "USD",
            "state": "off",
            "last_topup_at": None,
            "spent_this_month": "0.00",
            "monthly_cap": None,
            "failures": 0,
            "payment_method": None,
        },
        "version": 3,
    }
    assert (body["message"], body["balance"], body["credits"]) == ("Buyer addon usage", "103", "103")


async def test_a_deduction_has_the_whole_shape(store: Store) -> None:
    body = await store.use(-15, notes="report #88", idempotency_key="job-88")
    data = body["data"]
    assert data.pop("entry_id").startswith("ue_")
    assert data == {
        "direction": "deduct",
        "units": "-15",
        "balance_before": "112",
        "balance": "97",
        "replayed": False,
        "threshold_crossed": False,
        "auto_topup": {"triggered": False, "status": "skipped", "skip_reason": "not_enabled"},
        "version": 3,
    }
    assert (body["message"], body["balance"]) == ("Addon usage was added", "97")
    assert await store.balance() == "97"


async def test_positive_units_are_a_promotional_grant(store: Store) -> None:
    body = await store.use("20", notes="sorry for the outage")
    assert body["data"]["entry_id"].startswith("crgr_")
    assert (body["data"]["direction"], body["data"]["balance_before"], body["balance"]) == ("add", "112", "132")
    grant = await store.world.api.get(f"/credit_grants/{body['data']['entry_id']}")
    assert (grant["category"], grant["amount"], grant["name"]) == ("promotional", "20", "sorry for the outage")


@pytest.mark.parametrize("prefix", ["", "/api"])
@pytest.mark.parametrize(
    "how", ["json", "form", "multipart", "query", "get", "bearer", "json sent as a form", "json without a type"]
)
async def test_every_way_of_asking(store: Store, prefix: str, how: str) -> None:
    path = f"{prefix}/buyer-addon/usage"
    fields = {"auth_token": store.token, "email": EMAIL, "product_id": str(store.pack.number)}
    http = store.http
    raw = f'{{"auth_token": "{store.token}", "email": "{EMAIL}"}}'
    match how:
        case "json":
            answer = await http.post(path, json=fields)
        case "form":
            answer = await http.post(path, data=fields)
        case "multipart":
            answer = await http.post(path, files={name: (None, value) for name, value in fields.items()})
        case "query":
            answer = await http.post(path, params=fields)
        case "get":
            answer = await http.get(path, params=fields)
        case "bearer":
            bearer = {"Authorization": f"Bearer {fields.pop('auth_token')}"}
            answer = await http.post(path, data=fields, headers=bearer)
        case "json sent as a form":
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = await http.post(path, content=raw, headers=kind)
        case _:
            answer = await http.post(path, content=raw)
    assert answer.status_code == 200, answer.text
    assert answer.json()["balance"] == "112"


async def test_a_query_and_a_body_are_one_request(store: Store) -> None:
    answer = await store.http.post(
        "/buyer-addon/usage/add", params={"auth_token": store.token, "units": "-2"}, data={"email": EMAIL}
    )
    assert answer.json()["balance"] == "110"


@pytest.mark.parametrize(
    "names",
    [
        {"buyer_email": EMAIL, "credits": -5, "note": "n", "addon_id": 1},
        {"customer_email": EMAIL, "amount": "-5", "reason": "n", "plan": "1"},
        {"buyer_id": "ann", "usage": "-5.0", "comment": "n", "plan_id": 1},
        {"customer_id": "ann", "quantity": -5, "notes": "n", "product_id": "1"},
        {"email": " ANN@Example.TEST ", "units": "-05", "timestamp": None, "product_id": ""},
        {"email": EMAIL, "units": -5, "credits": "-5"},
        {"email": EMAIL, "units": -5, "anything": {"else": [1]}},
    ],
    ids=["1", "2", "3", "4", "blank", "agreeing aliases", "unknown names"],
)
async def test_aliases(store: Store, names: dict[str, Any]) -> None:
    assert store.pack.number == 1
    assert (await store.ok("usage/add", names))["balance"] == "107"


async def test_our_own_ids_are_accepted(store: Store) -> None:
    read = await store.ok("usage", buyer_id=CUSTOMER.text(store.ann), product_id=PRODUCT.text(store.pack.product_id))
    assert read["balance"] == "112"


BAD_UNITS = [
    *(0, "0", "-0", "0.00", "NaN", "-Infinity", "inf", "1e3", "-1E2", "9" * 400, "-" + "9" * 22, "1.5", "-0.5"),
    *("--5", "5-", "5,0", "0x10", "\u0665", "five", True, False, [5], {"n": 5}),
]


@pytest.mark.parametrize("units", BAD_UNITS, ids=[repr(units)[:12] for units in BAD_UNITS])
async def test_bad_units_take_nothing(store: Store, units: object) -> None:
    error = await store.refused(422, "usage/add", email=EMAIL, units=units)
    assert (error["type"], error["field"]) == ("validation_error", "units")
    assert await store.balance() == "112"


@pytest.mark.parametrize("raw", ["NaN", "-Infinity", "1e3", "-1E-2", "1" * 400, "0.1e1", "-0.0"])
async def test_bad_numbers_of_json_itself(store: Store, raw: str) -> None:
    body = f'{{"auth_token":"{store.token}","email":"{EMAIL}","units":{raw}}}'
    answer = await store.http.post("/buyer-addon/usage/add", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "units")


async def test_the_scale_is_the_products(store: Store) -> None:
    fine = await make_addon(store.world, workspace_id=store.workspace_id, name="minutes", decimals=2)
    assert (await store.ok("usage/add", email=EMAIL, product_id=fine.number, units="0.10"))["balance"] == "0.1"
    assert (await store.ok("usage/add", email=EMAIL, product_id=fine.number, units="-0.01"))["balance"] == "0.09"
    error = await store.refused(422, "usage/add", email=EMAIL, product_id=fine.number, units="-0.001")
    assert error["field"] == "units"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b@c.d"}, "email"),
        ({"email": f"{'a' * 300}@example.test"}, "email"),
        ({"email": "ann\u0000@example.test"}, "email"),
        ({"email": EMAIL, "buyer_email": "ben@example.test"}, "email"),
        ({"email": EMAIL, "buyer_id": "ben"}, "email"),
        ({"email": [EMAIL]}, "email"),
        ({"email": EMAIL, "units": -1, "credits": -2}, "units"),
        ({"email": EMAIL, "units": None}, "units"),
        ({"email": EMAIL, "notes": "n" * 501}, "notes"),
        ({"email": EMAIL, "idempotency_key": "k" * 256}, "idempotency_key"),
        ({"email": EMAIL, "idempotency_key": "a", "reference_id": "b"}, "idempotency_key"),
        ({"email": EMAIL, "idempotency_key": "without-key-1"}, "idempotency_key"),
        ({"email": EMAIL, "occurred_at": "yesterday"}, "occurred_at"),
        ({"email": EMAIL, "occurred_at": "9" * 12}, "occurred_at"),
        ({"email": EMAIL, "occurred_at": 1}, "occurred_at"),
        ({"email": EMAIL, "timestamp": "2999-01-01"}, "occurred_at"),
    ],
)
async def test_bad_fields_name_themselves(store: Store, fields: dict[str, object], field: str) -> None:
    await store.customer("ben", "ben@example.test")
    error = await store.refused(422, "usage/add", {"units": -1, **fields} if "units" not in fields else fields)
    assert (error["type"], error["field"]) == ("validation_error", field)
    assert await store.balance() == "112"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"units": ', "application/json"),
        (b"[1]", "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded"),
        (b"nothing like it", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"&".join(b"a=1" for _ in range(1001)), "application/x-www-form-urlencoded"),
    ],
    ids=["torn", "a list", "deep", "not UTF-8", "no parts", "no boundary", "1001 fields"],
)
async def test_bodies_that_cannot_be_read(store: Store, content: bytes, kind: str) -> None:
    answer = await store.http.post(
        f"/buyer-addon/usage?auth_token={store.token}", content=content, headers={"Content-Type": kind}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["status"] is False


async def test_a_body_too_large_is_refused_in_the_same_words(store: Store) -> None:
    answer = await store.http.post("/buyer-addon/usage", content=b"a=" + b"x" * 1_100_000)
    assert answer.status_code == 413
    assert (answer.json()["code"], answer.json()["status"]) == (413, False)


async def test_a_file_is_no_value(store: Store) -> None:
    answer = await store.http.post("/buyer-addon/usage", files={"email": ("email.txt", b"ann@example.test")})
    assert answer.json()["error"] == {"type": "validation_error", "field": "email"}


async def test_402_takes_nothing_and_says_how_much_is_missing(store: Store) -> None:
    answer = await store.send("usage/add", email=EMAIL, units=-113)
    assert answer.status_code == 402
    assert answer.json() == {
        "code": 402,
        "status": False,
        "success": 0,
        "message": "Insufficient credits",
        "error": {"type": "insufficient_credits", "field": "units", "balance": "112", "required": "113"},
        "errors": {"units": ["Insufficient credits"]},
    }
    assert await store.balance() == "112"
    assert (await store.use(-112))["balance"] == "0"


@pytest.mark.parametrize(
    ("policy", "limit", "units", "status", "balance"),
    [
        ("none", None, "-1", 402, "0"),
        ("unlimited", None, "-1000", 200, "-1000"),
        ("limited", "50", "-50", 200, "-50"),
        ("limited", "50", "-51", 402, "0"),
    ],
)
async def test_what_is_short_goes_by_the_product(
    store: Store, policy: Any, limit: str | None, units: str, status: int, balance: str
) -> None:
    addon = await make_addon(store.world, workspace_id=store.workspace_id, name="calls", policy=policy, limit=limit)
    answer = await store.send("usage/add", email=EMAIL, product_id=addon.number, units=units)
    assert answer.status_code == status
    read = await store.ok("usage", email=EMAIL, product_id=addon.number)
    assert (read["balance"], read["data"]["available"]) == (balance, "0")


@pytest.mark.parametrize("token", ["", "nonsense", "rk_test_" + "0" * 32, "rk_live_x", "\u00e9", "Bearer x"])
@pytest.mark.parametrize("path", ["usage", "usage/add"])
async def test_unknown_tokens(store: Store, token: str, path: str) -> None:
    error = await store.refused(401, path, auth_token=token, email=EMAIL, units=-1)
    assert error == {"type": "invalid_auth_token", "field": "auth_token"}


async def test_two_different_tokens_are_no_token(store: Store) -> None:
    answer = await store.http.post(
        f"/buyer-addon/usage?auth_token={store.token}", headers={"Authorization": "Bearer rk_test_other"}
    )
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "auth_token")
    assert store.token not in answer.text
    # A proxy's own credentials are not ours to judge.
    basic = {"Authorization": "Basic " + base64.b64encode(b"proxy:secret").decode()}
    answer = await store.http.get(
        "/buyer-addon/usage", params={"auth_token": store.token, "email": EMAIL}, headers=basic
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("scope", "path", "units", "status"),
    [
        ("usage:write", "usage/add", -1, 200),
        ("usage:write", "usage/add", 1, 403),
        ("credits:write", "usage/add", 1, 200),
        ("credits:write", "usage/add", -1, 403),
        ("read", "usage/add", -1, 403),
        ("read", "usage", 0, 200),
        ("usage:write", "usage", 0, 403),
    ],
)
async def test_scopes(store: Store, scope: str, path: str, units: int, status: int) -> None:
    answer = await store.send(path, auth_token=await store.key(scope), email=EMAIL, units=units)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["error"]["type"] == "forbidden"


async def test_a_read_of_a_new_buyer_is_zeros(store: Store) -> None:
    await store.customer("ben", "ben@example.test")
    read = await store.ok("usage", email="ben@example.test")
    assert (read["balance"], read["data"]["version"]) == ("0", 0)
    error = await store.refused(402, "usage/add", email="ben@example.test", units=-1)
    assert (error["balance"], error["required"]) == ("0", "1")
