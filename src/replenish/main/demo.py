"""The workspace that `replenish dev` fills on its first start, so that there is something to look at and to talk to.

Acme, live and test, each with what the credit top-up guide of PaymentKit builds by hand: its placeholder names
(`meter_xxxx`, `pc_credit_xxxx`, `pc_usdc_xxxxxxxx`, `price_xxxx`) are lookup keys of real objects. Every step looks first
and is done once, so a first start that was killed half-way is finished by the next.
"""

from pathlib import Path
from typing import Final

from replenish.access import queries as access
from replenish.access.model import Workspace
from replenish.access.tokens import admin_link, new_api_key, portal_link
from replenish.catalog import queries as catalog
from replenish.catalog.model import CreditTerms
from replenish.core.db import Database
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CurrencyId, CustomerId, MeterId, OperatorId, PriceId, ProductId, WorkspaceId
from replenish.core.settings import Settings, home
from replenish.customers import queries as customers
from replenish.flows import (
    manage_api_keys,
    manage_catalog,
    manage_clients,
    manage_currencies,
    manage_customers,
    manage_meters,
    manage_portal_sessions,
    manage_workspaces,
)

NAME: Final = "Acme"
OPERATOR_EMAIL: Final = "owner@acme.example"
CUSTOMER: Final = "demo-customer"
METER: Final = "meter_xxxx"
EVENT_NAME: Final = "api_calls"
CREDITS: Final = "pc_credit_xxxx"
USDC: Final = "pc_usdc_xxxxxxxx"
PRODUCT: Final = "prod_xxxx"
PRICE: Final = "price_xxxx"
PACK: Final = "200,000 Credits Pack"


async def ensure_demo(
    *, db: Database, settings: Settings, api_key: str | None, client_key: str | None = None
) -> list[tuple[str, str]]:
    """Fill the demo workspace where something is missing, and return what to print about it: label and value, in order.

    Called at every start of `replenish dev`, before web and worker. `api_key`, when given, becomes a key of the demo's test
    workspace; otherwise one is made on the first start and kept in the home folder, readable by its owner only.
    `client_key`, when given, is the public key of a PaymentKit client that may sign requests for the demo.
    """
    live, test = await _workspaces(db)
    for workspace in (live, test):
        await _fill(db, workspace.id)
    secret = await _ensure_key(db, test, api_key=api_key)
    if client_key:
        await _let_in(db, live.id, client_key)
    operator = await _operator(db, live.id)
    token = await manage_workspaces.create_sign_in_link(db=db, operator_id=operator, mode="test")
    customer = await customers.find_customer(db, workspace_id=test.id, key=CUSTOMER)
    return [
        ("Admin", admin_link(settings.base_url, token)),
        ("Customer portal", await _portal_link(db, settings, test.id, customer.id)),
        ("API key", secret),
    ]


async def _let_in(db: Database, workspace_id: WorkspaceId, client_key: str) -> None:
    try:
        await manage_clients.add_client_key(
            db=db, workspace_id=workspace_id, name="PaymentKit client of the demo", public_key=client_key
        )
    except Invalid as wrong:
        raise Invalid("REPLENISH_DEV_PAYMENTKIT_KEY", f"REPLENISH_DEV_PAYMENTKIT_KEY {wrong.detail}") from None


async def _workspaces(db: Database) -> tuple[Workspace, Workspace]:
    known = await access.workspaces(db)
    if not known:
        await manage_workspaces.create_workspace(db=db, name=NAME)
        known = await access.workspaces(db)
    # The oldest pair: further ones are the developer's own.
    live = next(workspace for workspace in known if workspace.mode == "live")
    return live, next(workspace for workspace in known if workspace.id == live.twin_id)


async def _fill(db: Database, workspace_id: WorkspaceId) -> None:
    credits_id = await _credits(db, workspace_id)
    meter_id = await _meter(db, workspace_id, credits_id)
    usdc = await catalog.find_currency(db, workspace_id=workspace_id, key="USDC")
    if usdc.lookup_key is None:
        await manage_currencies.change_currency(db=db, workspace_id=workspace_id, currency_id=usdc.id, lookup_key=USDC)
    product_id = await _product(db, workspace_id)
    price_id = await _price(db, workspace_id, product_id=product_id, credits_id=credits_id, meter_id=meter_id)
    found = await catalog.currency(db, workspace_id=workspace_id, currency_id=credits_id)
    if found.recharge_config is None:
        await manage_currencies.update_recharge_config(
            db=db, workspace_id=workspace_id, currency_id=credits_id, base_price_id=price_id
        )
    try:
        await customers.find_customer(db, workspace_id=workspace_id, key=CUSTOMER)
    except NotFound:
        await manage_customers.create_customer(
            db=db,
            workspace_id=workspace_id,
            external_id=CUSTOMER,
            email="ann@customer.example",
            name="Ann Example",
        )


async def _credits(db: Database, workspace_id: WorkspaceId) -> CurrencyId:
    try:
        return (await catalog.find_currency(db, workspace_id=workspace_id, key=CREDITS)).id
    except NotFound:
        return await manage_currencies.create_currency(
            db=db, workspace_id=workspace_id, name="Credits", symbol="credits", lookup_key=CREDITS
        )


async def _meter(db: Database, workspace_id: WorkspaceId, currency_id: CurrencyId) -> MeterId:
    try:
        return (await catalog.find_meter(db, workspace_id=workspace_id, key=METER)).id
    except NotFound:
        return await manage_meters.create_meter(
            db=db,
            workspace_id=workspace_id,
            name="API calls",
            event_name=EVENT_NAME,
            unit="call",
            currency_id=currency_id,
            lookup_key=METER,
        )


async def _product(db: Database, workspace_id: WorkspaceId) -> ProductId:
    try:
        return (await catalog.find_product(db, workspace_id=workspace_id, key=PRODUCT)).id
    except NotFound:
        campaign_id = await manage_catalog.create_campaign(db=db, workspace_id=workspace_id, name="Credits")
        return await manage_catalog.create_product(
            db=db,
            workspace_id=workspace_id,
            name=PACK,
            type_="credit",
            campaign_id=campaign_id,
            description="A package containing 200,000 credits for your account.",
            lookup_key=PRODUCT,
        )


async def _price(
    db: Database, workspace_id: WorkspaceId, *, product_id: ProductId, credits_id: CurrencyId, meter_id: MeterId
) -> PriceId:
    try:
        return (await catalog.find_price(db, workspace_id=workspace_id, key=PRICE)).id
    except NotFound:
        usdc = await catalog.find_currency(db, workspace_id=workspace_id, key="USDC")
        usd = await catalog.find_currency(db, workspace_id=workspace_id, key="USD")
        return await manage_catalog.create_price(
            db=db,
            workspace_id=workspace_id,
            product_id=product_id,
            currency_id=usdc.id,
            unit_amount="10",
            options=[(usd.id, "10")],
            credit_terms=CreditTerms(currency_id=credits_id, amount="200000", priority=50),
            meter_id=meter_id,
            lookup_key=PRICE,
        )


async def _ensure_key(db: Database, test: Workspace, *, api_key: str | None) -> str:
    secret = api_key or _kept_key(home() / "demo_api_key")
    if await access.identity(db, key=secret) is None:
        await manage_api_keys.create_api_key(
            db=db, workspace_id=test.id, name="replenish dev", scopes=["*"], secret=secret
        )
    return secret


def _kept_key(path: Path) -> str:
    """The key that earlier starts printed: scripts that use it go on working. Kept beside the database, for its owner only."""
    if path.exists():
        return path.read_text(encoding="ascii").strip()
    secret = new_api_key("test")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(secret, encoding="ascii")
    return secret


async def _operator(db: Database, live: WorkspaceId) -> OperatorId:
    known = await access.operator_by_email(db, email=OPERATOR_EMAIL)
    if known is not None:
        return known.id
    return await manage_workspaces.create_operator(db=db, workspace_id=live, email=OPERATOR_EMAIL, name="Acme's owner")


async def _portal_link(db: Database, settings: Settings, workspace_id: WorkspaceId, customer_id: CustomerId) -> str:
    session_id = await manage_portal_sessions.create_portal_session(
        db=db, secret_key=settings.secret_key, workspace_id=workspace_id, customer_id=customer_id
    )
    token = await access.portal_link_token(
        db, workspace_id=workspace_id, session_id=session_id, secret_key=settings.secret_key
    )
    if token is None:
        raise RuntimeError("a portal link was used up before it was shown")
    return portal_link(settings.base_url, token)
