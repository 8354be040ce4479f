"""The notification that a settled purchase owes, where its product has an address for them."""

import hashlib
from typing import Final

from replenish.access import queries as workspaces
from replenish.catalog import queries as catalog
from replenish.core.money import plain
from replenish.core.transaction import Tx
from replenish.customers import queries as customers
from replenish.notifications.ipn import operations as ipn
from replenish.notifications.ipn import queries
from replenish.notifications.ipn.model import Fields
from replenish.payments.model import Payment
from replenish.topups.model import TopUp
from replenish.wallets.book import Book

_SALE: Final = "sales"
_REBILL: Final = "subscription-payment"
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CENTS: Final = 2


async def owe_notification(tx: Tx, *, book: Book, top_up: TopUp, payment: Payment) -> None:
    """Write it in the transaction that settles the purchase: it cannot be lost, and the purchase settles once (law 8)."""
    target = await queries.target(tx, workspace_id=top_up.workspace_id, product_id=top_up.product_id)
    if target is None:
        return
    product = await catalog.product(tx, workspace_id=top_up.workspace_id, product_id=top_up.product_id)
    if product.campaign_id is None:
        # Signed with the campaign's secret; a product that was taken out of its campaign has none.
        return
    event = _REBILL if top_up.origin == "automatic" else _SALE
    await ipn.owe(
        tx,
        workspace_id=top_up.workspace_id,
        customer_id=top_up.customer_id,
        top_up_id=top_up.id,
        product_id=product.id,
        campaign_id=product.campaign_id,
        event=event,
        fields=await _fields(tx, event=event, book=book, top_up=top_up, payment=payment),
    )


async def _fields(tx: Tx, *, event: str, book: Book, top_up: TopUp, payment: Payment) -> Fields:
    workspace_id = top_up.workspace_id
    workspace = await workspaces.workspace(tx, workspace_id=workspace_id)
    customer = await customers.customer(tx, workspace_id=workspace_id, customer_id=top_up.customer_id)
    product = await catalog.product(tx, workspace_id=workspace_id, product_id=top_up.product_id)
    campaign = None
    if product.campaign_id is not None:
        campaign = await catalog.campaign(tx, workspace_id=workspace_id, campaign_id=product.campaign_id)
    money = await catalog.currency(tx, workspace_id=workspace_id, currency_id=top_up.currency_id)
    first, _, last = customer.name.strip().partition(" ")
    automatic = str(int(top_up.origin == "automatic"))
    decimals = money.decimals if money.decimals <= _CENTS else None
    return [
        ("event", event),
        ("mode", workspace.mode),
        ("payment_processor", payment.provider),
        ("is_rebill", automatic),
        ("amount", plain(top_up.amount, decimals=decimals)),
        ("currency", top_up.currency),
        ("quantity", str(top_up.quantity)),
        ("buyer_ip", ""),
        ("buyer_first_name", first),
        ("buyer_last_name", last.strip()),
        ("buyer_email", customer.email or ""),
        ("transaction_id", transaction_number(payment)),
        ("invoice_id", top_up.number),
        ("tracking_id", ""),
        ("transaction_time", str(int(book.now.timestamp()))),
        ("product_id", str(product.number)),
        ("product_name", top_up.product_name),
        ("campaign_id", "" if campaign is None else str(campaign.number)),
        ("campaign_name", "" if campaign is None else campaign.name),
        ("coupon", ""),
        ("addon_credits", str(top_up.credit_amount)),
        ("addon_balance", str(book.balance)),
        ("addon_topup", automatic),
    ]


def transaction_number(payment: Payment) -> str:
    """`PK-` and ten characters, the same for the same charge: this wire's ids are short."""
    number = int.from_bytes(hashlib.sha256(payment.id.bytes).digest()[:8])
    letters = ""
    for _ in range(10):
        number, place = divmod(number, len(_LETTERS))
        letters += _LETTERS[place]
    return f"PK-{letters}"
