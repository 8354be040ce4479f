"""What the layouts ask of each page: who is looking, at what, and where else they may go.

Pages hand one of these to `pages.page(…, frame=…)`; the template extends the layout of the same name.
"""

from collections.abc import Sequence
from typing import Final

import msgspec


class NavItem(msgspec.Struct, frozen=True):
    """One entry of a navigation. `section` is compared with the frame's; `group` is a heading above it, in the sidebar."""

    section: str
    label: str
    href: str
    group: str | None = None


class Sum(msgspec.Struct, frozen=True):
    """A balance as the header shows it: "API calls", "200,000"."""

    label: str
    text: str


PORTAL_NAV: Final = (
    NavItem("overview", "Overview", "/portal"),
    NavItem("buy", "Buy credits", "/portal/buy"),
    NavItem("auto_recharge", "Automatic top-up", "/portal/auto-recharge"),
    NavItem("credit_grants", "Credit grants", "/portal/credit-grants"),
    NavItem("history", "History", "/portal/history"),
    NavItem("payment_methods", "Payment methods", "/portal/payment-methods"),
)

ADMIN_NAV: Final = (
    NavItem("overview", "Overview", "/admin"),
    NavItem("customers", "Customers", "/admin/customers"),
    NavItem("campaigns", "Campaigns", "/admin/campaigns"),
    NavItem("audit", "Audit log", "/admin/audit", group="Account"),
    NavItem("account", "Sign-in", "/admin/account", group="Account"),
)


class PortalFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`layouts/portal.html`: a customer's pages."""

    merchant: str
    customer: str
    section: str
    is_test: bool
    balances: Sequence[Sum] = ()
    nav: Sequence[NavItem] = PORTAL_NAV
    support_email: str | None = None
    # Where the customer came from, if the merchant said so when it opened the session.
    return_url: str | None = None
    sign_out_path: str | None = None


class CheckoutFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`layouts/checkout.html`: two columns, blocks `buying` and `paying`."""

    merchant: str
    is_test: bool
    # Where "Back" leads: the merchant's cancel URL or the portal.
    back_url: str | None = None
    support_email: str | None = None


class AdminFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`layouts/admin.html`: an operator's pages."""

    workspace: str
    operator: str
    section: str
    is_test: bool
    nav: Sequence[NavItem] = ADMIN_NAV
    # Posts to this path switch to the twin, and sign out; each carries the form token.
    twin_path: str | None = None
    sign_out_path: str | None = None
