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
from replenish.catalog.operations.prices import change_price, create_price
from replenish.catalog.operations.products import change_campaign, change_product, create_campaign, create_product

__all__ = [
    "change_campaign",
    "change_currency",
    "change_link",
    "change_meter",
    "change_price",
    "change_product",
    "create_campaign",
    "create_currency",
    "create_link",
    "create_meter",
    "create_price",
    "create_product",
    "remove_recharge_config",
    "seed_currencies",
    "set_recharge_config",
]
