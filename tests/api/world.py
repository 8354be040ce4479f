"""The real application on a test's database, a merchant with a key, and what a story needs to begin."""

import httpx
import msgspec

BASE_URL = "http://127.0.0.1:8700"


class Api(msgspec.Struct):
    """Calls the API as one key."""

    http: httpx.AsyncClient

    async def post(self, path: str, body: object = None, *, status: int = 201, key: str | None = None) -> dict:
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.http.post(f"/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    async def get(self, path: str, *, status: int = 200, **parameters: object) -> dict:
        answer = await self.http.get(f"/v1{path}", params=parameters)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()
