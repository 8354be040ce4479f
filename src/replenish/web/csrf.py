"""Forms that only our own pages can send (law 17): a signed token, tied to the browser and to who is signed in.

Each form carries `csrf_token` in a hidden field, so it works without a script; scripts send the same as `X-CSRF-Token`.
The token signs a fresh nonce under a key made of the visit cookie and the session cookies of this request: one browser's token
is worth nothing in another, and one from before a sign-in nothing after it. The visit cookie covers pages that nobody is signed
in to: a sign-in form sent from elsewhere (login CSRF) has no token for this browser's visit.

A session cookie goes to its own area only, so a form posts within the area of the page it stands on: one on /portal that posts to
/checkout would be refused. Post to the own area, redirect from there.
"""

import hashlib
import re
import secrets
from typing import Any, Final, cast
from urllib.parse import urlsplit

from itsdangerous import BadSignature, Signer
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import ClientException

from replenish.core.errors import Forbidden
from replenish.web.cookies import VISIT, Area, Cookies

FIELD: Final = "csrf_token"
HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_VISIT_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{22,64}")

Connection = ASGIConnection[Any, Any, Any, Any]


class NotOurFormError(Forbidden):
    """A form came without the token of the browser that sends it."""

    code = "form_expired"

    def __init__(self) -> None:
        super().__init__(
            "This form is no longer valid: it was opened before you signed in or out, or in another browser. "
            "Nothing was changed. Go back, reload the page and send it again."
        )


class Csrf:
    """Makes and checks tokens for one secret key."""

    def __init__(self, *, secret_key: str, base_url: str, cookies: Cookies) -> None:
        self._key = secret_key
        self._cookies = cookies
        self._home = urlsplit(base_url).netloc.lower()

    def visit_of(self, connection: Connection) -> str | None:
        """This browser's visit, if it has one of ours."""
        value = connection.cookies.get(self._cookies.site_name(VISIT), "")
        return value if _VISIT_SHAPE.fullmatch(value) else None

    @staticmethod
    def new_visit() -> str:
        return secrets.token_urlsafe(24)

    def token(self, connection: Connection, *, visit: str) -> str:
        """A token for forms on the page that answers this request; another one each time (BREACH)."""
        return self._signer(connection, visit).sign(secrets.token_urlsafe(9)).decode()

    def is_ours(self, connection: Connection, token: str) -> bool:
        visit = self.visit_of(connection)
        if visit is None or not token.isascii():
            return False
        try:
            self._signer(connection, visit).unsign(token)
        except BadSignature:
            return False
        return True

    def comes_from_elsewhere(self, connection: Connection) -> bool:
        """What the browser itself says. Silence, and the `null` that no-referrer pages send, decide nothing: the token does."""
        site = connection.headers.get("sec-fetch-site")
        if site is not None:
            return site not in {"same-origin", "none"}
        origin = connection.headers.get("origin")
        if origin is None or origin == "null":
            return False
        return urlsplit(origin).netloc.lower() not in {self._home, connection.headers.get("host", "").lower()}

    def _signer(self, connection: Connection, visit: str) -> Signer:
        sessions = [connection.cookies.get(self._cookies.session_name(area), "") for area in Area]
        tied_to = hashlib.sha256("\0".join([visit, *sessions]).encode()).hexdigest()
        return Signer(self._key, salt=f"replenish.csrf.{tied_to}", digest_method=hashlib.sha256)


async def require_token(connection: Connection, csrf: Csrf) -> None:
    """Raise NotOurFormError unless this request only reads, or proves that one of our pages sent it."""
    if connection.scope["type"] != "http" or connection.scope["method"] in _SAFE:
        return
    if csrf.comes_from_elsewhere(connection):
        raise NotOurFormError
    token = connection.headers.get(HEADER) or await _field(connection)
    if not csrf.is_ours(connection, token):
        raise NotOurFormError


async def _field(connection: Connection) -> str:
    if not isinstance(connection, Request):
        return ""
    if not connection.headers.get("content-type", "").startswith(_FORMS):
        return ""
    try:
        # Kept by the framework: the handler behind the guard gets the same parsed form.
        form = await connection.form()
    except ClientException:
        return ""
    value = cast("object", form.get(FIELD))
    return value if isinstance(value, str) else ""
