"""All pages of a merchant's operators: what `main` mounts. `TEMPLATES` goes into `pages.mount(templates={"admin": TEMPLATES})`."""

from pathlib import Path
from typing import Final

from litestar import Response, Router

from replenish.admin import account, audit_log, campaigns, customers, enter, overview, pricing, products
from replenish.admin.visitor import SignInNeeded
from replenish.web.pages import PageRequest, csrf_guard, redirect

TEMPLATES: Final = Path(__file__).parent / "templates"
_FORM_BYTES_MAX: Final = 100_000


def admin_router() -> Router:
    """/admin: every page asks for a session first, except those that make one."""
    return Router(
        "/admin",
        route_handlers=[
            *enter.routes,
            *overview.routes,
            *customers.routes,
            *campaigns.routes,
            *products.routes,
            *pricing.routes,
            *audit_log.routes,
            *account.routes,
        ],
        guards=[csrf_guard],
        exception_handlers={SignInNeeded: _ask_to_sign_in},
        request_max_body_size=_FORM_BYTES_MAX,
        include_in_schema=False,
    )


def _ask_to_sign_in(request: PageRequest, _: Exception) -> Response[str]:
    return redirect(request, "/admin/sign-in")
