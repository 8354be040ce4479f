# Made from _async/resources/prices.py by scripts/make_sync_client.py; change that one.
"""Prices: what one unit of a product costs, and the credits it grants."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, UnsetType

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import Amount, Metadata, amount, given, known, optional_metadata, query, segment
from replenish_client.params import NewCreditConfig, NewCurrencyOption
from replenish_client.params import credit_config as wire_config
from replenish_client.params import currency_options as wire_options
from replenish_client.types.catalog import Price


class Prices(Resource):
    """`client.prices`. A price is named by its id or lookup key."""

    def create(
        self,
        *,
        product_id: str,
        currency_id: str,
        unit_amount: Amount,
        type: Literal["one_time"] | None = None,  # noqa: A002 - the wire's word
        currency_options: Sequence[NewCurrencyOption] | None = None,
        credit_config: NewCreditConfig | None = None,
        meter_id: str | None = None,
        quantity_max: int | None = None,
        nickname: str | None = None,
        lookup_key: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> Price:
        """Create a price: `unit_amount` in whole units of `currency_id` (an id or a code such as "USD").

        Amounts and credit config never change: make a new price and archive the old. Raises ValidationError when the
        credit config's currency is not the one that its meters charge: a payment could succeed while the balance stays
        zero.
        """
        body = known(
            product_id=product_id,
            currency_id=currency_id,
            unit_amount=amount(unit_amount, "unit_amount"),
            type=type,
            currency_options=wire_options(currency_options),
            credit_config=wire_config(credit_config),
            meter_id=meter_id,
            quantity_max=quantity_max,
            nickname=nickname,
            lookup_key=lookup_key,
            metadata=optional_metadata(metadata),
        )
        return self._transport.post("/v1/prices", Price, body, key=idempotency_key)

    def list(
        self,
        *,
        product_id: str | None = None,
        credit_currency_id: str | None = None,
        active: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Price]:
        """List prices, newest first."""
        filters = query(
            product_id=product_id, credit_currency_id=credit_currency_id, active=active, limit=limit, cursor=cursor
        )
        return self._transport.pages("/v1/prices", Price, filters)

    def retrieve(self, price: str) -> Price:
        """Retrieve a price. Raises NotFoundError."""
        return self._transport.get(f"/v1/prices/{segment(price, 'price')}", Price)

    def update(
        self,
        price: str,
        *,
        nickname: str | UnsetType = UNSET,
        active: bool | UnsetType = UNSET,
        quantity_max: int | UnsetType = UNSET,
        lookup_key: str | UnsetType | None = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> Price:
        """Change a price, or archive it with `active=False`. Metadata is replaced as a whole."""
        body = given(
            nickname=nickname,
            active=active,
            quantity_max=quantity_max,
            lookup_key=lookup_key,
            metadata=optional_metadata(metadata),
        )
        return self._transport.patch(f"/v1/prices/{segment(price, 'price')}", Price, body)
