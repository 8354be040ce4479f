"""The one Jinja environment of all pages: everything escaped, every missing name an error, amounts and times as filters."""

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import date, datetime
from pathlib import Path
from typing import Final, cast

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from replenish.web import formats
from replenish.web.assets import Assets

OWN: Final = Path(__file__).parent / "templates"

# One colour for one meaning, wherever a status is shown; a word that is not here is grey.
_STATUS_COLOURS: Final[Mapping[str, str]] = {
    word: colour
    for colour, words in {
        "success": "active succeeded settled paid completed complete delivered enabled usable won live",
        "warning": "past_due paused cooling_down suspended requires_customer needs_customer frozen held disputed expiring",
        "danger": "failed declined refused lost uncollectible blocked",
        "info": "pending open processing submitted confirming scheduled prepared in_progress test",
    }.items()
    for word in words.split()
}


class Templates:
    """`folders`: an edge's own templates by prefix, `{"portal": Path(…)}` makes `portal/buy.html` that folder's `buy.html`."""

    def __init__(self, assets: Assets, folders: Mapping[str, Path]) -> None:
        own: list[BaseLoader] = [FileSystemLoader(OWN)]
        own.append(PrefixLoader({prefix: FileSystemLoader(folder) for prefix, folder in folders.items()}))
        self.environment = Environment(
            loader=ChoiceLoader(own),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # A template is part of the program: changed means restarted, and no request looks at the disk.
            auto_reload=False,
        )
        # Jinja declares both as the union of what it ships itself.
        cast("MutableMapping[str, object]", self.environment.globals)["asset_url"] = assets.url
        cast("MutableMapping[str, object]", self.environment.filters).update(
            {
                "number": formats.number,
                "credits": formats.credits_text,
                "money": formats.money_text,
                "duration": formats.duration_text,
                "humanise": formats.humanise,
                "status_colour": status_colour,
                "time": _time,
                "date": _date,
            }
        )

    def render(self, name: str, context: Mapping[str, object], *, block: str | None = None) -> str:
        """The whole page, or one block of it (what an htmx request swaps in). Raises jinja2's errors, and KeyError."""
        template = self.environment.get_template(name)
        if block is None:
            return template.render(context)
        pieces: Iterator[str] = template.blocks[block](template.new_context(dict(context)))
        return "".join(pieces)


def status_colour(status: str) -> str:
    return _STATUS_COLOURS.get(status, "secondary")


@pass_context
def _time(context: Context, value: datetime) -> Markup:
    return formats.time_tag(value, _zone(context))


@pass_context
def _date(context: Context, value: datetime | date) -> Markup | str:
    if isinstance(value, datetime):
        return formats.time_tag(value, _zone(context), "date")
    return formats.date_text(value)


def _zone(context: Context) -> str:
    zone = cast("object", context.get("zone"))
    if not isinstance(zone, str):
        # Silently UTC would be the wrong day for half the world.
        raise TypeError("times need the page's zone: import macros `with context`")
    return zone
