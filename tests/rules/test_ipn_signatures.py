"""Both signatures of a notification: the published vector, and what each of them leaves out."""

import hashlib
import hmac
from urllib.parse import parse_qsl

import pytest

from replenish.notifications.ipn.model import hash_of, signed, verification_code_of

SECRET = "s3cret"
VECTOR = [
    ("event", "sales"),
    ("mode", "test"),
    ("amount", "19.00"),
    ("buyer_email", "ann@example.test"),
    ("invoice_id", "PK-AAAAAAAAAA"),
    ("transaction_id", "PK-BBBBBBBBBB"),
    ("product_id", "42"),
    ("campaign_id", "7"),
    ("is_rebill", "0"),
    ("coupon", ""),
    ("addon_credits", "500"),
    ("addon_balance", "512"),
]
HASH = "5bd4292cb05a575ec9ac616a9a4442e7e1b5ada4"
CODE = "bedfd382164b97ea0e2f8334534d93bdb0a0c739"


def test_the_published_vector() -> None:
    assert hash_of(VECTOR, secret=SECRET) == HASH
    assert verification_code_of([*VECTOR, ("hash", HASH)], secret=SECRET) == CODE
    body = parse_qsl(signed(VECTOR, secret=SECRET).decode(), keep_blank_values=True)
    assert body == [*VECTOR, ("hash", HASH), ("verification_code", CODE)]


@pytest.mark.parametrize(
    ("change", "same_hash", "same_code"),
    [
        ([("coupon", "0")], True, True),
        ([("amount", " 19.00\t")], True, True),
        ([("amount", "19.01")], False, False),
        ([("event", "sales "), ("buyer_ip", "")], True, True),
        ([("zeta", "1")], False, False),
    ],
    ids=["0 is blank", "trimmed", "another amount", "blank added", "value added"],
)
def test_what_they_cover(change: list[tuple[str, str]], *, same_hash: bool, same_code: bool) -> None:
    fields = list((dict(VECTOR) | dict(change)).items())
    assert (hash_of(fields, secret=SECRET) == HASH) == same_hash
    assert (verification_code_of([*fields, ("hash", HASH)], secret=SECRET) == CODE) == same_code


def test_order_matters_to_the_code_alone() -> None:
    turned = VECTOR[::-1]
    assert hash_of(turned, secret=SECRET) == HASH
    assert verification_code_of([*turned, ("hash", HASH)], secret=SECRET) != CODE


def test_another_secret_is_another_signature() -> None:
    assert hash_of(VECTOR, secret="other") != HASH


def test_the_charset_decides_what_is_signed() -> None:
    """In ISO 8859-1 the e with its dots is one byte, and there is no euro sign: it is dropped."""
    fields = [("name", "Zo\u00eb \u20ac")]
    by_hand = hmac.new(SECRET.encode(), b"Zo\xeb ", hashlib.sha1).hexdigest()
    assert hash_of(fields, secret=SECRET, charset="iso-8859-1") == by_hand
    assert hash_of(fields, secret=SECRET) == hmac.new(SECRET.encode(), "Zo\u00eb \u20ac".encode(), "sha1").hexdigest()
