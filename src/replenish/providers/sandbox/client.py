"""The line to the sandbox bank: every call may be lost on the way, as on a real network.

What a caller sees is a reply, the bank's refusal, or `NoReply`; never one of the bank's own failures.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg

from replenish.providers.sandbox.bank import Bank, NewIntent, NewSetup
from replenish.providers.sandbox.store import Intent, Method, Setup


class NoReply(Exception):  # noqa: N818 - what the line gives back when it gives nothing back
    """The request may or may not have been carried out."""


class SandboxClient:
    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    async def open_intent(self, new: NewIntent) -> Intent:
        async with _line():
            return await self._bank.open_intent(new)

    async def submit(self, *, account: str, intent_id: str) -> Intent:
        async with _line():
            intent, answered = await self._bank.submit(account=account, intent_id=intent_id)
        if not answered:
            raise NoReply("the connection to the sandbox was lost")
        return intent

    async def intent(self, *, account: str, intent_id: str) -> Intent:
        async with _line():
            return await self._bank.intent(account=account, intent_id=intent_id)

    async def cancel(self, *, account: str, intent_id: str) -> Intent:
        async with _line():
            return await self._bank.cancel(account=account, intent_id=intent_id)

    async def method(self, *, account: str, method_id: str) -> Method:
        async with _line():
            return await self._bank.method(account=account, method_id=method_id)

    async def detach(self, *, account: str, method_id: str) -> None:
        async with _line():
            await self._bank.detach(account=account, method_id=method_id)

    async def refund(self, *, account: str, key: str, intent_id: str, amount: Decimal) -> str:
        async with _line():
            return await self._bank.refund(account=account, key=key, intent_id=intent_id, amount=amount)

    async def open_setup(self, new: NewSetup) -> Setup:
        async with _line():
            return await self._bank.open_setup(new)

    async def setup(self, *, account: str, setup_id: str) -> Setup:
        async with _line():
            return await self._bank.setup(account=account, setup_id=setup_id)


@asynccontextmanager
async def _line() -> AsyncGenerator[None]:
    try:
        yield
    except (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.OperatorInterventionError,
    ) as lost:
        raise NoReply(str(lost)) from lost
