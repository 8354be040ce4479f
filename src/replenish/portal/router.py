"""All pages of a customer: what `main` mounts. `TEMPLATES` goes into `pages.mount(templates={"portal": TEMPLATES})`."""

from pathlib import Path
from typing import Final

from litestar import Router

from replenish.portal import (
    auto_recharge,
    buy,
    checkout,
    confirm,
    credit_grants,
    enter,
    history,
    overview,
    payment_methods,
    top_ups,
)
from replenish.web.limits import limit
from replenish.web.pages import csrf_guard

TEMPLATES: Final = Path(__file__).parent / "templates"
_FORM_BYTES_MAX: Final = 20_000


def portal_router() -> Router:
    """/portal: the signed-in customer's pages. /checkout: public pages, each known by an address that nobody can guess."""
    # Without a session, and so for anybody to try.
    links = Router(
        "/",
        route_handlers=[enter.show_entrance, enter.enter, confirm.confirm_page, confirm.confirm],
        guards=[limit(per_minute=120, burst=60, writes_only=True)],
    )
    portal = Router(
        "/portal",
        route_handlers=[
            links,
            enter.sign_out,
            enter.signed_out,
            overview.overview,
            credit_grants.credit_grants,
            history.history,
            history.history_csv,
            buy.buy_page,
            buy.buy,
            buy.purchase_return,
            top_ups.top_up_page,
            top_ups.continue_top_up,
            top_ups.returned,
            auto_recharge.auto_recharge,
            auto_recharge.review,
            auto_recharge.save,
            auto_recharge.switch_off,
            auto_recharge.resume,
            payment_methods.payment_methods,
            payment_methods.add_payment_method,
            payment_methods.method_saved,
            payment_methods.make_default,
            payment_methods.remove,
        ],
    )
    public = Router(
        "/checkout",
        route_handlers=[
            checkout.link_page,
            checkout.pay_link,
            checkout.session_page,
            checkout.pay_session,
            checkout.session_return,
        ],
        guards=[limit(per_minute=60, burst=40, writes_only=True)],
    )
    return Router(
        "/",
        route_handlers=[portal, public],
        guards=[csrf_guard],
        request_max_body_size=_FORM_BYTES_MAX,
        include_in_schema=False,
    )
