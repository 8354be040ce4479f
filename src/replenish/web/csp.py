"""What a browser may do with our answers (law 17): one strict policy for pages, none of anything for the rest.

No page holds a script, a style or an event handler of its own, so nothing "unsafe" is ever allowed: a text of a customer's
or a merchant's that slips through escaping still cannot run.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from litestar.types import Message, Scope

# An API's answer is data: whoever opens one in a browser gets text.
DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    # Checkout and portal links carry their token in the URL: no page may pass on its address, not even to us.
    (b"referrer-policy", b"no-referrer"),
)
_PAGES: Final = (
    *_ALWAYS,
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    # Balances and cards: not for the disk, and not for whoever uses the browser next and goes "back".
    (b"cache-control", b"no-store"),
)


def page_policy(*, frame_ancestors: Sequence[str] = ()) -> str:
    """The policy of a page. `frame_ancestors`: origins that may embed it; none by default.

    `data:` images are the style sheet's own arrows and ticks. `form-action 'self'` also stops a form whose *redirect* leaves
    us: send customers elsewhere with `pages.leave`, never by answering a form with a foreign address.
    """
    embedders = " ".join(origin_of(url) for url in frame_ancestors) or "'none'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {embedders}"
    )


def origin_of(url: str) -> str:
    """`https://shop.example` of any http(s) URL under it. Raises ValueError for what has no such origin."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not an http(s) address")
    # A space or a semicolon here would write directives of its own into the policy.
    if not all(sign.isascii() and (sign.isalnum() or sign in ".-:[]") for sign in parts.netloc):
        raise ValueError(f"{url!r} has a host name that no browser would accept")
    return f"{parts.scheme}://{parts.netloc}"


_POLICY: Final = b"content-security-policy"
FOR_DATA: Final = (*_ALWAYS, (_POLICY, DATA_POLICY.encode()))
_FOR_PAGES: Final = (*_PAGES, (_POLICY, page_policy().encode()))


async def add_security_headers(message: Message, _: Scope) -> None:
    """For `Litestar(before_send=…)`: a hook, not middleware, because 404s of unknown paths pass no middleware.

    What a handler has set itself stays.
    """
    if message["type"] != "http.response.start":
        return
    headers = [(name.lower(), value) for name, value in message.get("headers", ())]
    present = dict(headers)
    is_page = present.get(b"content-type", b"").startswith(b"text/html")
    wanted = _FOR_PAGES if is_page else FOR_DATA
    message["headers"] = headers + [header for header in wanted if header[0] not in present]
