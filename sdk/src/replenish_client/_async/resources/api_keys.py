"""API keys: made, rotated, revoked."""

from collections.abc import Sequence

from replenish_client._async.pages import AsyncPages
from replenish_client._async.resources.base import AsyncResource
from replenish_client._values import Moment, known, optional_moment, query, segment
from replenish_client.params import Scope
from replenish_client.types.access import ApiKey, ApiKeyWithSecret


class AsyncApiKeys(AsyncResource):
    """`client.api_keys`."""

    async def create(
        self,
        *,
        name: str,
        scopes: Sequence[Scope],
        expires_at: Moment | None = None,
        idempotency_key: str | None = None,
    ) -> ApiKeyWithSecret:
        """Create a key for this workspace; its `secret` is shown this once.

        Raises ForbiddenError when the asking key lacks a scope that it would hand out.
        """
        body = known(name=name, scopes=scopes, expires_at=optional_moment(expires_at, "expires_at"))
        return await self._transport.post("/v1/api_keys", ApiKeyWithSecret, body, key=idempotency_key)

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPages[ApiKey]:
        """List keys, newest first, revoked and expired ones too."""
        return self._transport.pages("/v1/api_keys", ApiKey, query(limit=limit, cursor=cursor))

    async def retrieve(self, api_key: str) -> ApiKey:
        """Retrieve a key by its id. Its secret is never shown again. Raises NotFoundError."""
        return await self._transport.get(_path(api_key), ApiKey)

    async def rotate(
        self, api_key: str, *, grace_seconds: int | None = None, idempotency_key: str | None = None
    ) -> ApiKeyWithSecret:
        """Replace a key: the new one has its name and scopes, the old one works on for the grace period."""
        body = known(grace_seconds=grace_seconds)
        return await self._transport.post(f"{_path(api_key)}/rotate", ApiKeyWithSecret, body, key=idempotency_key)

    async def revoke(self, api_key: str) -> ApiKey:
        """Revoke a key. It stops working within a second. Twice is once."""
        return await self._transport.post(f"{_path(api_key)}/revoke", ApiKey)


def _path(api_key: str) -> str:
    return f"/v1/api_keys/{segment(api_key, 'api_key')}"
