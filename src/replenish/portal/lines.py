"""A statement's lines as the pages and the download show them."""

import msgspec

from replenish.core.ids import TOP_UP
from replenish.reports.statement import Line


class ShownLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line in words. `href` leads to the purchase it belongs to; `detail` is why an automatic one was made."""

    line: Line
    text: str
    detail: str
    href: str | None


def shown(line: Line) -> ShownLine:
    details = [] if line.attempt_detail is None else [line.attempt_detail]
    if line.owed:
        details.append(f"{line.owed} of it is owed.")
    if line.kind == "repayment":
        details.append(f"{line.moved} credits paid for earlier usage.")
    return ShownLine(
        line=line,
        text=line.description,
        detail=" ".join(details),
        href=None if line.top_up_id is None else f"/portal/top-ups/{TOP_UP.text(line.top_up_id)}",
    )
