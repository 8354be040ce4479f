# Made from _async/resources/campaigns.py by scripts/make_sync_client.py; change that one.
"""Campaigns: named groups of products."""

from msgspec import UNSET, UnsetType

from replenish_client._sync.pages import Pages
from replenish_client._sync.resources.base import Resource
from replenish_client._values import Metadata, given, known, optional_metadata, query, segment
from replenish_client.types.catalog import Campaign, IpnSecret


class Campaigns(Resource):
    """`client.campaigns`."""

    def create(self, *, name: str, metadata: Metadata | None = None, idempotency_key: str | None = None) -> Campaign:
        """Create a campaign. It gets the workspace's next short number."""
        body = known(name=name, metadata=optional_metadata(metadata))
        return self._transport.post("/v1/campaigns", Campaign, body, key=idempotency_key)

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> Pages[Campaign]:
        """List campaigns, newest first."""
        return self._transport.pages("/v1/campaigns", Campaign, query(limit=limit, cursor=cursor))

    def retrieve(self, campaign: str | int) -> Campaign:
        """Retrieve a campaign by its id or short number. Raises NotFoundError."""
        return self._transport.get(f"/v1/campaigns/{segment(str(campaign), 'campaign')}", Campaign)

    def update(
        self,
        campaign: str,
        *,
        name: str | UnsetType = UNSET,
        archived: bool | UnsetType = UNSET,
        metadata: Metadata | UnsetType = UNSET,
    ) -> Campaign:
        """Change a campaign, named by its id. What is not given stays; metadata is replaced as a whole."""
        body = given(name=name, archived=archived, metadata=optional_metadata(metadata))
        return self._transport.patch(f"/v1/campaigns/{segment(campaign, 'campaign')}", Campaign, body)

    def set_ipn_secret(self, campaign: str | int, *, secret: str | None = None) -> IpnSecret:
        """Replace the secret that signs a campaign's IPN; without one, it is made. Shown this once."""
        path = f"/v1/campaigns/{segment(str(campaign), 'campaign')}/ipn_secret"
        return self._transport.post(path, IpnSecret, known(secret=secret))
