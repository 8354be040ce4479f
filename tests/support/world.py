"""The real application on a test's database, a merchant with keys, and what a story needs to begin.

async with open_world(database_url) as world:
    await world.api.post("/customers", {"external_id": "ann"})
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from replenish.core.db import Database
from replenish.core.ids import WorkspaceId
from replenish.core.settings import Settings
from replenish.flows import manage_api_keys, manage_workspaces
from replenish.main.app import create_app
from replenish.payments.provider import Provider
from replenish.web.context import KEY, Context

BASE_URL = "http://127.0.0.1:8700"
SECRET_KEY = "a secret of the tests, long enough to sign with"


class Api:
    """Calls API v1 with one key; a status that was not expected fails the test with the answer's text."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self.http = http
        self.key = key

    async def call(
        self, method: str, path: str, body: object = None, *, status: int, key: str | None = None, **parameters: object
    ) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"} | ({} if key is None else {"Idempotency-Key": key})
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        given = {name: value for name, value in parameters.items() if value is not None}
        answer = await self.http.request(method, f"/v1{path}", content=content, headers=headers, params=given)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def post(self, path: str, body: object = None, *, status: int = 201, key: str | None = None) -> Any:
        return await self.call("POST", path, body, status=status, key=key)

    async def get(self, path: str, *, status: int = 200, **parameters: object) -> Any:
        return await self.call("GET", path, status=status, **parameters)

    async def put(self, path: str, body: object = None, *, status: int = 200) -> Any:
        return await self.call("PUT", path, body, status=status)

    async def patch(self, path: str, body: object = None, *, status: int = 200) -> Any:
        return await self.call("PATCH", path, body, status=status)


class World(msgspec.Struct):
    """Acme, a merchant with a live workspace and its test twin; `api` speaks to the test one."""

    app: Litestar
    http: httpx.AsyncClient
    context: Context
    live: WorkspaceId
    test: WorkspaceId
    api: Api
    live_api: Api

    @property
    def db(self) -> Database:
        return self.context.db


@asynccontextmanager
async def open_world(
    database_url: str, *, providers: Mapping[str, Provider] | None = None, dev: bool = True
) -> AsyncIterator[World]:
    settings = Settings(database_url=database_url, secret_key=SECRET_KEY, base_url=BASE_URL, dev=dev)
    app = create_app(settings, providers=providers)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        context: Context = app.state[KEY]
        twins = await manage_workspaces.create_workspace(db=context.db, name="Acme")
        keys = [
            await manage_api_keys.create_api_key(db=context.db, workspace_id=workspace_id, name="story", scopes=["*"])
            for workspace_id in (twins.test, twins.live)
        ]
        yield World(
            app=app,
            http=http,
            context=context,
            live=twins.live,
            test=twins.test,
            api=Api(http, keys[0].secret),
            live_api=Api(http, keys[1].secret),
        )
