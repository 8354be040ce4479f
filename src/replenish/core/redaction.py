"""What must never stand in a log line (law 17): keys, tokens, cookies, whatever a careless line passes along."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final, cast
from urllib.parse import unquote

GONE: Final = "[redacted]"
# Names of values that are secrets as a whole.
_NAMES: Final = re.compile(
    r"authorization|cookie|secret|password|passwd|token|api_?key$|private_key|signature|card_number|cvc", re.IGNORECASE
)
# Secrets inside longer texts: our keys, bearer headers, one-time links, passwords in database addresses.
_INSIDE: Final = (
    (re.compile(r"rk_(live|test)_[A-Za-z0-9_-]{8,}"), r"rk_\1_" + GONE),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 " + GONE),
    (re.compile(r"(?i)(auth(?:_|%5f)token[\"']?\s*[=:]\s*[\"']?)[^&\s\"'<>#]+"), r"\1" + GONE),
    (re.compile(r"/(portal|admin)/enter/[A-Za-z0-9_-]+"), r"/\1/enter/" + GONE),
    (re.compile(r"(postgres(?:ql)?://[^:/@\s]+):[^@\s]+@"), r"\1:" + GONE + "@"),
    (re.compile(r"\b(?:sk|rk|whsec)_(?:live|test)?_?[A-Za-z0-9]{16,}"), GONE),
)
# A query's parameter: its name may be percent-encoded, which a reader of the log undoes as easily as a server.
_PARAMETER: Final = re.compile(r"(?<=[?&])(?P<name>[^=&\s\"']{1,200})=(?P<value>[^&\s\"'#]+)")
_DEPTH_MAX: Final = 8


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the line without its secrets."""
    for name, value in cast("MutableMapping[str, object]", event).items():
        event[name] = GONE if _is_secret(name, value) else clean(value)
    return event


def clean(value: object, depth: int = 0) -> object:
    """The same value with secrets replaced, inside texts, lists and mappings too."""
    if depth > _DEPTH_MAX:
        return GONE
    match value:
        case str():
            return _clean_text(value)
        case Mapping():
            known = cast("Mapping[object, object]", value)
            return {
                name: GONE if _is_secret(str(name), each) else clean(each, depth + 1) for name, each in known.items()
            }
        case list() | tuple():
            return [clean(each, depth + 1) for each in cast("Sequence[object]", value)]
        case _:
            return value


def _is_secret(name: str, value: object) -> bool:
    return value is not None and not isinstance(value, bool) and _NAMES.search(name) is not None


def _clean_text(text: str) -> str:
    for pattern, replacement in _INSIDE:
        text = pattern.sub(replacement, text)
    return _PARAMETER.sub(_clean_parameter, text) if "=" in text else text


def _clean_parameter(found: re.Match[str]) -> str:
    return f"{found['name']}={GONE}" if _NAMES.search(unquote(found["name"])) else found[0]
