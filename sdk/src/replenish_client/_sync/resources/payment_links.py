# Made from _async/resources/payment_links.py by scripts/make_sync_client.py; change that one.
"""Payment links: public addresses where one price can be bought."""

from msgspec import UNSET, UnsetType

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import Metadata, given, known, optional_metadata, query, segment
from replenish_client.types.catalog import PaymentLink


class PaymentLinks(Resource):
    """`client.payment_links`. A link is named by its id or lookup key."""

    def create(
        self,
        *,
        price_id: str,
        quantity: int | None = None,
        quantity_adjustable: bool | None = None,
        after_completion_url: str | None = None,
        name: str | None = None,
        lookup_key: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentLink:
        """Create a payment link for one unit unless said. Whoever has its `url` can buy."""
        body = known(
            price_id=price_id,
            quantity=quantity,
            quantity_adjustable=quantity_adjustable,
            after_completion_url=after_completion_url,
            name=name,
            lookup_key=lookup_key,
            metadata=optional_metadata(metadata),
        )
        return self._transport.post("/v1/payment_links", PaymentLink, body, key=idempotency_key)

    def list(
        self,
        *,
        price_id: str | None = None,
        active: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[PaymentLink]:
        """List payment links, newest first; those that recharge configs made are among them."""
        filters = query(price_id=price_id, active=active, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/payment_links", PaymentLink, filters)

    def retrieve(self, payment_link: str) -> PaymentLink:
        """Retrieve a payment link. Raises NotFoundError."""
        return self._transport.get(f"/v1/payment_links/{segment(payment_link, 'payment_link')}", PaymentLink)

    def update(
        self,
        payment_link: str,
        *,
        name: str | UnsetType = UNSET,
        quantity: int | UnsetType = UNSET,
        quantity_adjustable: bool | UnsetType = UNSET,
        after_completion_url: str | UnsetType | None = UNSET,
        active: bool | UnsetType = UNSET,
        lookup_key: str | UnsetType | None = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> PaymentLink:
        """Change a payment link, or archive it with `active=False`. Its price never changes."""
        body = given(
            name=name,
            quantity=quantity,
            quantity_adjustable=quantity_adjustable,
            after_completion_url=after_completion_url,
            active=active,
            lookup_key=lookup_key,
            metadata=optional_metadata(metadata),
        )
        path = f"/v1/payment_links/{segment(payment_link, 'payment_link')}"
        return self._transport.patch(path, PaymentLink, body)
