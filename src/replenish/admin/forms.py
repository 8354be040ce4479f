"""Reading forms: text as people type it, and refusals under the names of the form's fields."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from litestar.enums import RequestEncodingType
from litestar.params import Body

from replenish.admin.visitor import Visit
from replenish.core.errors import Conflict, Invalid, NotFound
from replenish.core.ids import WORKSPACE, Id, Kind

# A form's fields as they came; one that is missing counts as empty.
Sent = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
_GROUPED: Final = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_COUNT_DIGITS_MAX: Final = 6


def text_of(sent: Mapping[str, str], name: str) -> str:
    return sent.get(name, "").strip()


def amount_of(sent: Mapping[str, str], name: str) -> str:
    """An amount for the flow to judge; "200,000" is written that way by us, so it is read that way, too."""
    text = text_of(sent, name)
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


def count_of(sent: Mapping[str, str], name: str) -> int:
    """A whole number; nothing is 0. Raises Invalid(name)."""
    text = text_of(sent, name)
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > _COUNT_DIGITS_MAX:
        raise Invalid(name, "is not a whole number such as 30")
    return int(text)


def path_id(kind: Kind[Id], text: str, what: str) -> Id:
    """An id out of an address. Raises NotFound: a wrong address is a page that is not there."""
    found = kind.try_parse(text)
    if found is None:
        raise NotFound(what)
    return found


def refuse_other_workspace(visit: Visit, sent: Mapping[str, str]) -> None:
    """What makes something names its workspace: another tab may have switched since. Raises Conflict."""
    if text_of(sent, "workspace") != WORKSPACE.text(visit.workspace_id):
        other = "live" if visit.workspace.mode == "test" else "test"
        raise Conflict(
            f"This page was opened in the {other} workspace, and you have switched since. Nothing was changed.",
            code="workspace_switched",
        )
