"""Problem documents (RFC 9457): how the API says no."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

Number: TypeAlias = str | int | float | bool | None


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong field: its path, such as `events[3].value`, and what is wrong with it."""

    field: str
    detail: str


class _Fixed(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "about:blank"
    title: str = ""
    status: int
    detail: str
    code: str
    errors: Sequence[FieldProblem] = ()


_FIXED: Final = frozenset(_Fixed.__struct_fields__)


class Problem:
    """One refusal. `code` is stable, `detail` is for people, `numbers` is whatever else belongs to this code.

    Not a struct, because the numbers stand beside the other fields on the wire.
    """

    __slots__ = ("code", "detail", "errors", "numbers", "status", "title", "type")

    def __init__(self, document: Mapping[str, object]) -> None:
        """Raises msgspec.ValidationError when `document` is no problem document."""
        fixed = msgspec.convert(document, _Fixed)
        self.type: str = fixed.type
        self.title: str = fixed.title
        self.status: int = fixed.status
        self.detail: str = fixed.detail
        self.code: str = fixed.code
        self.errors: tuple[FieldProblem, ...] = tuple(fixed.errors)
        self.numbers: Mapping[str, Number] = {
            name: value
            for name, value in document.items()
            if name not in _FIXED and (value is None or isinstance(value, str | int | float | bool))
        }

    def __repr__(self) -> str:
        return f"Problem(status={self.status}, code={self.code!r}, detail={self.detail!r})"
