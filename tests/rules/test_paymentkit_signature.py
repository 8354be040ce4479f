"""What is signed: JSON and query strings as JavaScript writes and reads them. The expected values are Node's own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from replenish.api.paymentkit import querystrings
from replenish.api.paymentkit.signature import canonical, js_number, read
from replenish.core.errors import Unauthenticated

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
GOOD = {
    "x-component-sig": f"0x{'ab' * 64}",
    "x-component-sig-iat": str(SECONDS),
    "x-component-sig-exp": str(SECONDS + 300),
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-9, "1.5e-9"),
        (123456.789, "123456.789"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.25e21, "1.25e+21"),
        (2**53 + 1, "9007199254740992"),
        (12345678901234567890, "12345678901234567000"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (10**400, "null"),
    ],
)
def test_numbers_are_written_as_javascript_does(value: float, text: str) -> None:
    assert js_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
        ({"\ue000": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ue000":1}'),
        ('"\\\n\x1f/\u2028é', '"\\"\\\\\\n\\u001f/\u2028é"'),
        ("\ud800", '"\\ud800"'),
        ({}, "{}"),
        ([], "[]"),
    ],
)
def test_canonical_json(value: object, text: str) -> None:
    assert canonical(value) == text


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", {}),
        ("livemode=true", {"livemode": "true"}),
        ("a=1&b[c]=2&b[d][e]=3", {"a": "1", "b": {"c": "2", "d": {"e": "3"}}}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("order%5B0%5D%5B0%5D=created_at&order%5B0%5D%5B1%5D=ASC", {"order": [["created_at", "ASC"]]}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("a[21]=1", {"a": {"21": "1"}}),
        ("a[1]=x", {"a": ["x"]}),
        ("metadata.foo=b+c%20d", {"metadata.foo": "b c d"}),
        ("a&b=&=c", {"a": "", "b": ""}),
        ("a[b][c][d][e][f][g]=1", {"a": {"b": {"c": {"d": {"e": {"f": {"[g]": "1"}}}}}}}),
        ("x[0]=1&x[b]=2", {"x": {"0": "1", "b": "2"}}),
        ("status=granted%2Cpending", {"status": "granted,pending"}),
        (f"a[{'9' * 5000}]=1", {"a": {"9" * 5000: "1"}}),
    ],
)
def test_query_strings_are_read_as_the_client_does(text: str, query: object) -> None:
    assert querystrings.parse(text) == query


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"x-component-sig": ""}, "signature_invalid"),
        ({"x-component-sig": "0xzz"}, "signature_invalid"),
        ({"x-component-sig-iat": "soon"}, "signature_invalid"),
        ({"x-component-sig-iat": "-5"}, "signature_invalid"),
        ({"x-component-sig-exp": str(SECONDS - 1)}, "signature_expired"),
        ({"x-component-sig-iat": str(SECONDS + 301), "x-component-sig-exp": str(SECONDS + 400)}, "signature_invalid"),
        ({"x-component-sig-exp": str(SECONDS + 601)}, "signature_invalid"),
    ],
)
def test_a_signature_that_cannot_be_read_or_has_expired(changed: dict[str, str], code: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        read(GOOD | changed, now=NOW)
    assert refused.value.own_code == code


def test_a_good_signature_is_read() -> None:
    assert read(GOOD, now=NOW).expires_at == SECONDS + 300
