"""The client's request signature: ed25519 over the SHA3-256 of a canonical JSON of the request. Pure.

It covers body, query, method, path, when it was made and until when it is good. It has no nonce, and its times are whole
seconds: the same signature twice is a request sent again, never an attack by itself.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, cast
from urllib.parse import unquote

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from replenish.api.paymentkit import querystrings
from replenish.core.errors import Unauthenticated

HEADER: Final = "x-component-sig"
# The client signs for five minutes. More would make a captured request useful for longer; clocks may differ as much again.
LIFE_MAX_SECONDS: Final = 600
SKEW_SECONDS: Final = 300
_WHOLE: Final = re.compile(r"[0-9]{1,12}")
_BREAKS: Final = re.compile('[\x00-\x1f"\\\\\ud800-\udfff]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers say. `component` is not covered: it only helps to find the key."""

    value: bytes
    issued_at: int
    expires_at: int
    component: str | None


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it was received. `prefix` is a path that a proxy in front has taken away, or empty."""

    method: str
    path: str
    query: str
    body: object
    prefix: str = ""


def read(headers: Mapping[str, str], *, now: datetime) -> Signature:
    """Raises Unauthenticated for one that is unreadable, has expired, or lives too long."""
    issued, expires = (headers.get(f"{HEADER}-{name}", "") for name in ("iat", "exp"))
    text = headers.get(HEADER, "").removeprefix("0x")
    if not (_WHOLE.fullmatch(issued) and _WHOLE.fullmatch(expires) and re.fullmatch(r"[0-9a-fA-F]{128}", text)):
        raise Unauthenticated("verify sig failed: the signature's headers cannot be read", code="signature_invalid")
    seconds = int(now.timestamp())
    if int(expires) < seconds:
        raise Unauthenticated("expired sig: sign the request again, and check your clock", code="signature_expired")
    if int(issued) > seconds + SKEW_SECONDS or int(expires) - int(issued) > LIFE_MAX_SECONDS:
        raise Unauthenticated("verify sig failed: made in the future, or good for too long", code="signature_invalid")
    return Signature(
        value=bytes.fromhex(text),
        issued_at=int(issued),
        expires_at=int(expires),
        component=headers.get("x-component-did"),
    )


def digests(signature: Signature, request: Signed) -> list[bytes]:
    """What may have been signed: the client signs the path it was given, before it is percent-encoded for the wire."""
    query = querystrings.parse(request.query)
    paths = [request.path, unquote(request.path)]
    if request.prefix:
        paths += [f"{request.prefix}{path}" for path in paths]
    return [
        hashlib.sha3_256(
            canonical(
                {
                    "body": {} if request.body is None else request.body,
                    "exp": signature.expires_at,
                    "iat": signature.issued_at,
                    "method": request.method.lower(),
                    "query": query,
                    "url": path,
                }
            ).encode()
        ).digest()
        for path in dict.fromkeys(paths)
    ]


def made_by(public_key: bytes, signature: Signature, candidates: list[bytes]) -> bool:
    key = Ed25519PublicKey.from_public_bytes(public_key)
    for digest in candidates:
        try:
            key.verify(signature.value, digest)
        except InvalidSignature:
            continue
        return True
    return False


def canonical(value: object) -> str:
    """JSON with sorted names and nothing between, every number and text written as JavaScript writes it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return js_number(value)
        case str():
            return js_text(value)
        case dict():
            known = cast("Mapping[str, object]", value)
            inner = (f"{js_text(name)}:{canonical(known[name])}" for name in sorted(known, key=_utf16))
            return f"{{{','.join(inner)}}}"
        case list():
            return f"[{','.join(canonical(each) for each in cast('list[object]', value))}]"
        case _:
            raise TypeError(f"{type(value).__name__} is no JSON")


def parse_body(raw: bytes) -> object:
    """The body as JavaScript would read it: every number a double. Raises ValueError, RecursionError."""
    return cast("object", json.loads(raw)) if raw.strip() else None


def _utf16(name: str) -> bytes:
    """JavaScript sorts by UTF-16 units, in which an emoji comes before U+E000."""
    return name.encode("utf-16-be", "surrogatepass")


def js_text(text: str) -> str:
    return f'"{_BREAKS.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"


def js_number(value: float) -> str:
    """`1.0` is 1, `1e21` is 1e+21, 0.000001 stays so and 1e-7 does not: ECMAScript's Number::toString.

    A signature is no amount: what is charged is read exactly, elsewhere.
    """
    try:
        double = value * 1.0
    except OverflowError:
        return "null"
    if not math.isfinite(double):
        return "null"
    if double == 0:
        return "0"
    sign = "-" if double < 0 else ""
    mantissa, _, exponent_text = f"{abs(double)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    exponent = int(exponent_text or 0) - len(fraction)
    digits = (whole + fraction).lstrip("0")
    stripped = digits.rstrip("0")
    exponent += len(digits) - len(stripped)
    point = len(stripped) + exponent
    return sign + _laid_out(stripped, point)


def _laid_out(digits: str, point: int) -> str:
    """`point` is where the decimal point stands, counted from the first digit."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    exponent = point - 1
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{tail}e{'+' if exponent > 0 else '-'}{abs(exponent)}"
