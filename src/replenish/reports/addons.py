"""Who is meant, and which of their credits: from an invoice, an e-mail address or an id to one buyer and one add-on.

An add-on is a product that sells credits; its credits are one credit currency, and a buyer's balance of them one wallet.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from replenish.core.db import Reads
from replenish.core.errors import Conflict, Forbidden, Invalid, NotFound
from replenish.core.ids import (
    CUSTOMER,
    PRODUCT,
    CampaignId,
    CurrencyId,
    CustomerId,
    PriceId,
    ProductId,
    WorkspaceId,
)
from replenish.core.rows import row_to, rows_to, value
from replenish.wallets.model import WalletRef

_NUMBER_MAX: Final = 2**31 - 1
_CANDIDATES_MAX: Final = 20


class Buyer(msgspec.Struct, frozen=True):
    id: CustomerId
    external_id: str
    email: str | None


class Addon(msgspec.Struct, frozen=True, kw_only=True):
    """A product that sells credits, with the price that is sold now (the last one, when none is)."""

    product_id: ProductId
    product_number: int
    product_name: str
    campaign_id: CampaignId | None
    campaign_number: int | None
    price_id: PriceId
    currency_id: CurrencyId
    # Whether it can be bought now.
    on_sale: bool


class Invoice(msgspec.Struct, frozen=True):
    """A top-up by its number: whose, of what, into which credits."""

    customer_id: CustomerId
    product_id: ProductId
    currency_id: CurrencyId
    number: str


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller names: an invoice, or a buyer and (where they have several) an add-on."""

    invoice_id: str | None = None
    email: str | None = None
    buyer_id: str | None = None
    product_id: str | None = None


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """One buyer's balance of one add-on. `invoice_id` is the one that was named, else their latest purchase's."""

    workspace_id: WorkspaceId
    buyer: Buyer
    addon: Addon
    invoice_id: str | None

    @property
    def ref(self) -> WalletRef:
        return WalletRef(self.workspace_id, self.buyer.id, self.addon.currency_id)


class AmbiguousAddon(Conflict):
    """Several add-ons may be meant; they are listed, so that the caller can name one."""

    code = "ambiguous_addon"

    def __init__(self, candidates: Sequence[Addon]) -> None:
        super().__init__("Several add-ons may be meant; send product_id.")
        self.candidates = candidates


class AmbiguousBuyer(Conflict):
    code = "ambiguous_buyer"

    def __init__(self) -> None:
        super().__init__("Several buyers have this e-mail address; send buyer_id.")


class NotAnAddon(Forbidden):
    code = "not_an_addon"

    def __init__(self) -> None:
        super().__init__("This product is not an add-on: it sells no credits.")


_ADDONS: Final = """
select p.id as product_id, p.number as product_number, p.name as product_name, p.campaign_id,
       c.number as campaign_number, x.id as price_id, x.credit_currency_id as currency_id,
       p.active and x.active and k.active as on_sale
from products p
join lateral (
    select * from prices where prices.product_id = p.id and prices.credit_currency_id is not null
    order by prices.active desc, prices.id desc limit 1
) x on true
join payment_currencies k on k.id = x.credit_currency_id
left join campaigns c on c.id = p.campaign_id
where p.workspace_id = $1 and p.type = 'credit'
"""


async def select_addon(db: Reads, *, workspace_id: WorkspaceId, selector: Selector) -> Selected:
    """Find the one balance that is meant.

    Raises Invalid naming what is missing or contradicts, NotFound(buyer | addon | invoice), NotAnAddon, AmbiguousAddon,
    AmbiguousBuyer. Another workspace's buyer, product or invoice is not found (law 16).
    """
    if not (selector.invoice_id or selector.email or selector.buyer_id):
        raise Invalid("email", "is required: name the buyer by email, buyer_id or invoice_id")
    invoice = None
    if selector.invoice_id is not None:
        invoice = await _invoice(db, workspace_id, selector.invoice_id)
    buyer = await _buyer(db, workspace_id, selector, invoice)
    if selector.product_id is not None:
        addon = await _named(db, workspace_id, selector.product_id)
    elif invoice is not None:
        addon = await _sold(db, workspace_id, invoice)
    else:
        addon = await _only(db, workspace_id, buyer)
    if invoice is not None and invoice.currency_id != addon.currency_id:
        raise Invalid("product_id", "is not what this invoice_id is for")
    number = await _latest_invoice(db, buyer, addon) if invoice is None else invoice.number
    return Selected(workspace_id=workspace_id, buyer=buyer, addon=addon, invoice_id=number)


async def addons(db: Reads, *, workspace_id: WorkspaceId) -> list[Addon]:
    """The workspace's add-ons by number, as many as a person can choose among."""
    rows = await db.fetch(f"{_ADDONS} order by p.number limit $2", workspace_id, _CANDIDATES_MAX)
    return rows_to(Addon, rows)


async def last_topped_up(db: Reads, *, ref: WalletRef) -> datetime | None:
    """When an automatic top-up last arrived in this wallet."""
    found = await db.fetchval(
        "select max(settled_at) from top_ups where customer_id = $1 and workspace_id = $2 and credit_currency_id = $3"
        " and origin = 'automatic'",
        ref.customer_id,
        ref.workspace_id,
        ref.currency_id,
    )
    return found if isinstance(found, datetime) else None


async def _invoice(db: Reads, workspace_id: WorkspaceId, number: str) -> Invoice:
    rows = await db.fetch(
        "select customer_id, product_id, credit_currency_id as currency_id, number from top_ups"
        " where workspace_id = $1 and number = $2 limit 2",
        workspace_id,
        number.upper(),
    )
    # Numbers are random and unique per customer; two customers with one number is a case for the caller to resolve.
    if len(rows) != 1:
        raise NotFound("invoice")
    return row_to(Invoice, rows[0])


async def _buyer(db: Reads, workspace_id: WorkspaceId, selector: Selector, invoice: Invoice | None) -> Buyer:
    if selector.buyer_id is not None:
        buyer = await _buyer_by_id(db, workspace_id, selector.buyer_id)
        if selector.email is not None and (buyer.email or "").lower() != selector.email.lower():
            raise Invalid("email", "is not this buyer's")
    elif invoice is not None:
        buyer = await _buyer_by_id(db, workspace_id, CUSTOMER.text(invoice.customer_id))
        if selector.email is not None and (buyer.email or "").lower() != selector.email.lower():
            raise Invalid("email", "is not the buyer of this invoice_id")
    else:
        buyer = await _buyer_by_email(db, workspace_id, selector.email or "")
    if invoice is not None and invoice.customer_id != buyer.id:
        raise Invalid("buyer_id", "is not the buyer of this invoice_id")
    return buyer


async def _buyer_by_id(db: Reads, workspace_id: WorkspaceId, key: str) -> Buyer:
    """By our id, else by the merchant's own."""
    row = await db.fetchrow(
        "select id, external_id, email from customers where workspace_id = $1 and (id = $2 or external_id = $3)"
        " order by (id = $2) desc nulls last limit 1",
        workspace_id,
        CUSTOMER.try_parse(key),
        key,
    )
    if row is None:
        raise NotFound("buyer")
    return row_to(Buyer, row)


async def _buyer_by_email(db: Reads, workspace_id: WorkspaceId, email: str) -> Buyer:
    rows = await db.fetch(
        "select id, external_id, email from customers where workspace_id = $1 and lower(email) = lower($2) limit 2",
        workspace_id,
        email,
    )
    if not rows:
        raise NotFound("buyer")
    if len(rows) > 1:
        raise AmbiguousBuyer
    return row_to(Buyer, rows[0])


async def _named(db: Reads, workspace_id: WorkspaceId, key: str) -> Addon:
    """By short number, by our id, or by lookup key."""
    number = int(key) if key.isascii() and key.isdigit() and len(key) <= 10 else 0
    row = await db.fetchrow(
        "select id from products where workspace_id = $1 and (number = $2 or id = $3 or lookup_key = $4)"
        " order by (number = $2) desc, (id = $3) desc nulls last limit 1",
        workspace_id,
        number if number <= _NUMBER_MAX else 0,
        PRODUCT.try_parse(key),
        key,
    )
    if row is None:
        raise NotFound("addon")
    found = await db.fetchrow(f"{_ADDONS} and p.id = $2", workspace_id, value(row, "id", UUID))
    if found is None:
        raise NotAnAddon
    return row_to(Addon, found)


async def _sold(db: Reads, workspace_id: WorkspaceId, invoice: Invoice) -> Addon:
    """The invoice's product; the credits are those that it sold then, whatever the product sells now."""
    row = await db.fetchrow(f"{_ADDONS} and p.id = $2", workspace_id, invoice.product_id)
    if row is None:
        raise NotAnAddon
    return msgspec.structs.replace(row_to(Addon, row), currency_id=invoice.currency_id)


async def _only(db: Reads, workspace_id: WorkspaceId, buyer: Buyer) -> Addon:
    """The add-on of the buyer's one balance; of the workspace's one add-on for a buyer without any balance."""
    rows = await db.fetch(
        "select distinct on (a.currency_id) a.* from (" + _ADDONS + ") a"  # noqa: S608 - two constants of ours
        " join wallets w on w.workspace_id = $1 and w.customer_id = $2 and w.currency_id = a.currency_id"
        " order by a.currency_id, a.on_sale desc, a.product_number limit $3",
        workspace_id,
        buyer.id,
        _CANDIDATES_MAX,
    )
    candidates = rows_to(Addon, rows) or await addons(db, workspace_id=workspace_id)
    if not candidates:
        raise NotFound("addon")
    if len(candidates) > 1:
        raise AmbiguousAddon(sorted(candidates, key=lambda addon: addon.product_number))
    return candidates[0]


async def _latest_invoice(db: Reads, buyer: Buyer, addon: Addon) -> str | None:
    found = await db.fetchval(
        "select number from top_ups where customer_id = $1 and credit_currency_id = $2 and state = 'settled'"
        " order by (product_id = $3) desc, id desc limit 1",
        buyer.id,
        addon.currency_id,
        addon.product_id,
    )
    return found if isinstance(found, str) else None
