"""IPN: notifications of sales in PayKickstart's format, per product; the secret that signs them, per campaign."""

from typing import Annotated, ClassVar

from msgspec import Meta

from replenish.api.v1.call import Call
from replenish.api.v1.campaigns import find_campaign
from replenish.api.v1.routing import acts, reads, replaces
from replenish.api.v1.wire import Body, Example, Shown, Url
from replenish.catalog import queries as catalog
from replenish.core.ids import CAMPAIGN, PRODUCT
from replenish.core.sealing import Box
from replenish.flows import manage_ipn
from replenish.notifications.ipn import queries
from replenish.notifications.ipn.model import Charset

Secret = Annotated[
    str, Meta(max_length=255, description="What your receivers check with already; 8 or more characters.")
]


class IpnTarget(Body):
    """`url` null = send none. `charset` is what is signed: receivers differ."""

    EXAMPLE: ClassVar[Example] = {"url": "https://shop.example/ipn"}

    url: Annotated[
        Url | None, Meta(description="Where the form is posted when the product is sold; null: none is sent.")
    ]
    charset: Annotated[Charset, Meta(description="The character set that the form is signed in: receivers differ.")] = (
        "utf-8"
    )


class IpnView(Shown):
    """`secret` is shown once: when setting the address has made the campaign's."""

    product_id: str
    url: str | None
    charset: Charset
    secret: str | None


class NewIpnSecret(Body):
    """Without a secret, one is made."""

    EXAMPLE: ClassVar[Example] = {}

    secret: Secret | None = None


class IpnSecretView(Shown):
    """Shown this once; it signs everything from the next delivery on."""

    campaign_id: str
    secret: str


@reads("/products/{key:str}/ipn")
async def retrieve_ipn(key: str, call: Call) -> IpnView:
    """Where this product's notifications go."""
    product = await catalog.find_product(call.db, workspace_id=call.workspace_id, key=key)
    found = await queries.target(call.db, workspace_id=call.workspace_id, product_id=product.id)
    return IpnView(
        product_id=PRODUCT.text(product.id),
        url=None if found is None else found.url,
        charset="utf-8" if found is None else found.charset,
        secret=None,
    )


@replaces("/products/{key:str}/ipn", scope="catalog:write")
async def set_ipn(key: str, data: IpnTarget, call: Call) -> IpnView:
    """Have a form posted to `url` whenever this product is sold, signed with the campaign's secret."""
    product = await catalog.find_product(call.db, workspace_id=call.workspace_id, key=key)
    saved = await manage_ipn.set_ipn(
        db=call.db,
        box=Box(call.context.settings.master_keys),
        workspace_id=call.workspace_id,
        product_id=product.id,
        url=data.url,
        charset=data.charset,
    )
    return IpnView(product_id=PRODUCT.text(product.id), url=data.url, charset=data.charset, secret=saved.secret)


@acts("/campaigns/{key:str}/ipn_secret", scope="catalog:write")
async def set_ipn_secret(key: str, data: NewIpnSecret, call: Call) -> IpnSecretView:
    """Replace the secret that signs a campaign's notifications."""
    campaign = await find_campaign(call, key)
    secret = await manage_ipn.set_ipn_secret(
        db=call.db,
        box=Box(call.context.settings.master_keys),
        workspace_id=call.workspace_id,
        campaign_id=campaign.id,
        secret=data.secret,
    )
    return IpnSecretView(campaign_id=CAMPAIGN.text(campaign.id), secret=secret)


routes = [retrieve_ipn, set_ipn, set_ipn_secret]
