"""Fields that name another object: an id, or the natural key that its kind has.

An id passes through (the flow checks that it exists, in its transaction); a natural key is looked up here. Either way a
wrong reference is a wrong field, not a missing page.
"""

from replenish.api.v1.call import Call
from replenish.catalog import queries as catalog
from replenish.core import ids
from replenish.core.errors import Invalid, NotFound
from replenish.core.ids import CampaignId, CurrencyId, CustomerId, MeterId, PaymentLinkId, PriceId, ProductId
from replenish.customers import queries as customers
from replenish.topups import queries as topups
from replenish.topups.model import TopUp


def _unknown(field: str, error: NotFound) -> Invalid:
    return Invalid(field, f"no such {error.what} in this workspace", code=error.own_code)


async def currency_ref(call: Call, key: str, *, field: str) -> CurrencyId:
    """By id, code or lookup key."""
    found = ids.CURRENCY.try_parse(key)
    if found is not None:
        return found
    try:
        return (await catalog.find_currency(call.db, workspace_id=call.workspace_id, key=key)).id
    except NotFound as error:
        raise _unknown(field, error) from None


async def meter_ref(call: Call, key: str, *, field: str) -> MeterId:
    """By id, event name or lookup key."""
    found = ids.METER.try_parse(key)
    if found is not None:
        return found
    try:
        return (await catalog.find_meter(call.db, workspace_id=call.workspace_id, key=key)).id
    except NotFound as error:
        raise _unknown(field, error) from None


async def product_ref(call: Call, key: str, *, field: str) -> ProductId:
    """By id or lookup key."""
    found = ids.PRODUCT.try_parse(key)
    if found is not None:
        return found
    try:
        return (await catalog.find_product(call.db, workspace_id=call.workspace_id, key=key)).id
    except NotFound as error:
        raise _unknown(field, error) from None


async def price_ref(call: Call, key: str, *, field: str) -> PriceId:
    """By id or lookup key."""
    found = ids.PRICE.try_parse(key)
    if found is not None:
        return found
    try:
        return (await catalog.find_price(call.db, workspace_id=call.workspace_id, key=key)).id
    except NotFound as error:
        raise _unknown(field, error) from None


async def link_ref(call: Call, key: str, *, field: str) -> PaymentLinkId:
    """By id or lookup key."""
    found = ids.PAYMENT_LINK.try_parse(key)
    if found is not None:
        return found
    try:
        return (await catalog.find_link(call.db, workspace_id=call.workspace_id, key=key)).id
    except NotFound as error:
        raise _unknown(field, error) from None


async def customer_ref(call: Call, key: str, *, field: str = "customer_id") -> CustomerId:
    """By id or external id. An unknown one is a wrong field; routes that promise 404 use `customers.find_customer`."""
    try:
        return (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=key)).id
    except NotFound as error:
        raise _unknown(field, error) from None


def campaign_ref(key: str, *, field: str = "campaign_id") -> CampaignId:
    return ids.CAMPAIGN.parse(key, field=field)


async def top_up_ref(call: Call, key: str, *, field: str) -> TopUp:
    """By id."""
    top_up_id = ids.TOP_UP.parse(key, field=field)
    try:
        return await topups.top_up(call.db, workspace_id=call.workspace_id, top_up_id=top_up_id)
    except NotFound as error:
        raise _unknown(field, error) from None
