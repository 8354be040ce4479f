"""Carries requests over httpx, again where that is safe."""

import logging
from collections.abc import Mapping
from typing import Final, TypeVar

import anyio
import httpx

from replenish_client._async.pages import AsyncPages
from replenish_client._exchange import Method, Request, judge, network_error, prepare, read, retry_delay
from replenish_client._options import Options
from replenish_client.errors import ReplenishError

T = TypeVar("T")

log: Final = logging.getLogger("replenish_client")


class AsyncTransport:
    """One server, one API key. Every failure leaves as a ReplenishError."""

    __slots__ = ("_http", "_options", "_owned")

    def __init__(self, options: Options, http_client: httpx.AsyncClient | None) -> None:
        self._options = options
        self._owned = http_client is None
        self._http = httpx.AsyncClient() if http_client is None else http_client

    async def close(self) -> None:
        """Close the connections; those of a client that was handed in stay its owner's."""
        if self._owned:
            await self._http.aclose()

    async def get(self, path: str, kind: type[T], query: Mapping[str, str] | None = None) -> T:
        return read(await self._send("GET", path, query=query), kind)

    async def post(self, path: str, kind: type[T], body: object = None, *, key: str | None = None) -> T:
        return read(await self._send("POST", path, body=body, key=key), kind)

    async def patch(self, path: str, kind: type[T], body: object) -> T:
        return read(await self._send("PATCH", path, body=body), kind)

    async def put(self, path: str, kind: type[T], body: object, *, key: str | None = None) -> T:
        return read(await self._send("PUT", path, body=body, key=key), kind)

    async def delete(self, path: str) -> None:
        await self._send("DELETE", path)

    def pages(self, path: str, kind: type[T], query: Mapping[str, str]) -> AsyncPages[T]:
        return AsyncPages(self._send, path, kind, query)

    async def _send(
        self,
        method: Method,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        key: str | None = None,
    ) -> httpx.Response:
        options = self._options
        request = prepare(
            method=method,
            base_url=options.base_url,
            path=path,
            api_key=options.api_key,
            query=query,
            body=body,
            key=key,
        )
        for tried in range(1, options.retries + 1):
            try:
                return await self._once(request)
            except ReplenishError as error:
                delay = retry_delay(request, error, tried=tried)
                if delay is None:
                    raise
                log.info("%s %s: %s; trying again in %.2f s", method, path, error, delay)
                await anyio.sleep(delay)
        return await self._once(request)

    async def _once(self, request: Request) -> httpx.Response:
        if self._http.is_closed:
            raise ReplenishError("This client is closed.")
        try:
            response = await self._http.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                content=request.content,
                timeout=self._options.timeout_seconds,
                # A redirected POST would arrive as a GET, and the key would go wherever the redirect says.
                follow_redirects=False,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise network_error(error) from error
        judge(response)
        return response
