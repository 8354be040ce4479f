"""Writes of the catalog, a file per noun. Called by flows, inside their transaction.

What is given is checked here, so that every edge gets the same refusals. Changes keep what is not given; metadata is
replaced as a whole.
"""

from replenish.catalog.operations.currencies import (
    change_currency,
    create_currency,
    remove_recharge_config,
    seed_currencies,
    set_recharge_config,
)
from replenish.catalog.operations.links import change_link, create_link
from replenish.catalog.operations.meters import change_meter, create_meter
from replenish.catalog.operations.prices import add_price, change_price, create_price, draw_up_price, replace_price
from replenish.catalog.operations.products import (
    change_campaign,
    change_product,
    change_product_type,
    create_campaign,
    create_product,
    lock_product,
)
from replenish.catalog.operations.recharge_settings import set_recharge_settings

__all__ = [
    "add_price",
    "change_campaign",
    "change_currency",
    "change_link",
    "change_meter",
    "change_price",
    "change_product",
    "change_product_type",
    "create_campaign",
    "create_currency",
    "create_link",
    "create_meter",
    "create_price",
    "create_product",
    "draw_up_price",
    "lock_product",
    "remove_recharge_config",
    "replace_price",
    "seed_currencies",
    "set_recharge_config",
    "set_recharge_settings",
]
