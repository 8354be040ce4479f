"""Expected refusals. Each error lives beside what raises it, derives from one of these, and carries its numbers.

    Refusal
    ├── Invalid            a value is wrong: names the field                     (422)
    ├── Unauthenticated    nobody we know                                        (401)
    ├── Forbidden          known, but may not                                    (403)
    ├── NotFound           not there, or not yours: the two look the same        (404)
    ├── Conflict           it contradicts what already stands                    (409)
    ├── Gone               it was there and has ended                            (410)
    ├── PaymentRequired    credits or money are missing                          (402)
    ├── TooMany            slow down                                             (429)
    └── Unavailable        not now; nothing happened                             (503)

`web.errors` is the one place that turns a class into a status.
"""

from collections.abc import Mapping
from typing import ClassVar

Number = str | int | bool | None


class Refusal(Exception):  # noqa: N818 - an expected refusal is not an error of ours; its subclasses read as sentences
    """Something a caller can expect and act on. `code` is stable; `numbers` go on the wire as they are."""

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, *, code: str | None = None, numbers: Mapping[str, Number] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.own_code = code or type(self).code
        self.numbers: Mapping[str, Number] = numbers or {}


class Invalid(Refusal):
    """A field's value is wrong. `field` is a path such as `events[3].value`."""

    code = "invalid"

    def __init__(self, field: str, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.field = field


class Unauthenticated(Refusal):
    code = "unauthenticated"


class Forbidden(Refusal):
    code = "forbidden"


class NotFound(Refusal):
    """`what` is the noun: "customer", "price". Another workspace's or customer's object is not found, either."""

    code = "not_found"

    def __init__(self, what: str, *, code: str | None = None, numbers: Mapping[str, Number] | None = None) -> None:
        super().__init__(f"No such {what}.", code=code or f"{what.replace(' ', '_')}_not_found", numbers=numbers)
        self.what = what


class Conflict(Refusal):
    code = "conflict"


class Gone(Refusal):
    code = "gone"


class PaymentRequired(Refusal):
    code = "payment_required"


class TooMany(Refusal):
    code = "too_many_requests"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Refusal):
    code = "unavailable"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds
