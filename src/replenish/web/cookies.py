"""The cookies of the pages: their names, and the attributes that each of them always has.

    area       path        holds
    portal     /portal     a customer's session
    admin      /admin      an operator's session
    (visit)    /           nothing about anybody: a random value that ties forms to this browser (csrf.py)
    (flash)    /           the one message that the next page shows, signed

A session cookie is sent to its own area only, so a fault in one cannot spend another's session.
"""

from enum import Enum
from typing import Final, Literal
from urllib.parse import urlsplit

from litestar.datastructures import Cookie

VISIT: Final = "replenish_visit"
FLASH: Final = "replenish_flash"


class Area(Enum):
    """A part of the site with sessions of its own. The value is its path."""

    PORTAL = "/portal"
    ADMIN = "/admin"


class Cookies:
    """Makes and names cookies for one base URL: `Secure`, and with a guarded name, where that is https."""

    def __init__(self, base_url: str) -> None:
        self.secure = urlsplit(base_url).scheme == "https"

    def session_name(self, area: Area) -> str:
        # The prefix makes browsers refuse the name from anything but an https answer.
        return f"{'__Secure-' if self.secure else ''}replenish_{area.name.lower()}"

    def session(self, area: Area, value: str, *, max_age_seconds: int) -> Cookie:
        return self._cookie(self.session_name(area), value, path=area.value, max_age=max_age_seconds)

    def end_session(self, area: Area) -> Cookie:
        """Sent on sign-out; whoever keeps sessions ends them there as well."""
        return self._cookie(self.session_name(area), "", path=area.value, max_age=0)

    def site_name(self, name: Literal["replenish_visit", "replenish_flash"]) -> str:
        # `__Host-` keeps a sister subdomain from planting a visit of its choice: login CSRF.
        return f"{'__Host-' if self.secure else ''}{name}"

    def site(self, name: Literal["replenish_visit", "replenish_flash"], value: str, *, max_age: int | None) -> Cookie:
        return self._cookie(self.site_name(name), value, path="/", max_age=max_age)

    def _cookie(self, key: str, value: str, *, path: str, max_age: int | None) -> Cookie:
        return Cookie(
            key=key, value=value, path=path, max_age=max_age, httponly=True, samesite="lax", secure=self.secure
        )
