"""Products: what is sold."""

from msgspec import UNSET, UnsetType

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import Metadata, given, known, optional_metadata, query, segment
from replenish_client.params import IpnCharset, ProductType
from replenish_client.types.catalog import Ipn, Product


class AsyncProducts(AsyncResource):
    """`client.products`. A product is named by its id or lookup key."""

    async def create(
        self,
        *,
        name: str,
        type: ProductType | None = None,  # noqa: A002 - the wire's word
        description: str | None = None,
        campaign_id: str | None = None,
        lookup_key: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> Product:
        """Create a product; a `service` unless said. Only type `credit`, an add-on, sells credits.

        Raises ConflictError when the lookup key is taken.
        """
        body = known(
            name=name,
            type=type,
            description=description,
            campaign_id=campaign_id,
            lookup_key=lookup_key,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.post("/v1/products", Product, body, key=idempotency_key)

    def list(
        self,
        *,
        campaign_id: str | None = None,
        type: ProductType | None = None,  # noqa: A002 - the wire's word
        active: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[Product]:
        """List products, newest first."""
        filters = query(campaign_id=campaign_id, type=type, active=active, limit=limit, cursor=cursor)
        return self._transport.pages("/v1/products", Product, filters)

    async def retrieve(self, product: str) -> Product:
        """Retrieve a product. Raises NotFoundError."""
        return await self._transport.get(f"/v1/products/{segment(product, 'product')}", Product)

    async def update(
        self,
        product: str,
        *,
        name: str | UnsetType = UNSET,
        description: str | UnsetType = UNSET,
        active: bool | UnsetType = UNSET,
        campaign_id: str | UnsetType | None = UNSET,
        lookup_key: str | UnsetType | None = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> Product:
        """Change a product, or archive it with `active=False`. Its type never changes; metadata is replaced as a whole."""
        body = given(
            name=name,
            description=description,
            active=active,
            campaign_id=campaign_id,
            lookup_key=lookup_key,
            metadata=optional_metadata(metadata),
        )
        return await self._transport.patch(f"/v1/products/{segment(product, 'product')}", Product, body)

    async def retrieve_ipn(self, product: str) -> Ipn:
        """Where this product's IPN (notifications in PayKickstart's format) go. Raises NotFoundError."""
        return await self._transport.get(f"/v1/products/{segment(product, 'product')}/ipn", Ipn)

    async def set_ipn(self, product: str, *, url: str | None, charset: IpnCharset | None = None) -> Ipn:
        """Send this product's IPN to `url`; None = send none. `charset` of what is signed: "utf-8" or "iso-8859-1".

        The answer's `secret` is the campaign's, when this has made it: shown once.
        """
        body = {"url": url, **known(charset=charset)}
        return await self._transport.put(f"/v1/products/{segment(product, 'product')}/ipn", Ipn, body)
