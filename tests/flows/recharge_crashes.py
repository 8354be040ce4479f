"""The sandbox with a process that can die, or stop to think, at each side of each of its calls."""

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from replenish.core.ids import WorkspaceId
from replenish.payments.provider import Charge, Declined, Outcome, Prepared, Standing, Unknown
from replenish.providers.sandbox.sandbox import Sandbox

Moment = Literal["before_prepare", "after_prepare", "before_submit", "after_submit"]
MOMENTS: Final[tuple[Moment, ...]] = ("before_prepare", "after_prepare", "before_submit", "after_submit")


class Killed(Exception):
    """No error of the program: the end of its process."""


async def die() -> None:
    raise Killed


class Interrupted:
    """Charges saved methods as the sandbox does; `at` this moment it does `what` first."""

    def __init__(self, sandbox: Sandbox, *, at: Moment, what: Callable[[], Awaitable[None]]) -> None:
        self._provider = sandbox.provider
        self._at = at
        self._what = what

    @property
    def name(self) -> str:
        return "sandbox"

    async def account_of(self, *, workspace_id: WorkspaceId, mode: Literal["live", "test"]) -> str | None:
        return await self._provider.account_of(workspace_id=workspace_id, mode=mode)

    def takes(self, currency: str) -> bool:
        return self._provider.takes(currency)

    async def look_up_payment(self, *, account: str, outside_id: str) -> Standing:
        return await self._provider.look_up_payment(account=account, outside_id=outside_id)

    async def close_payment(self, *, account: str, outside_id: str) -> Standing:
        return await self._provider.close_payment(account=account, outside_id=outside_id)

    async def prepare_charge(self, charge: Charge) -> Prepared | Declined | Unknown:
        await self._perhaps("before_prepare")
        prepared = await self._provider.prepare_charge(charge)
        await self._perhaps("after_prepare")
        return prepared

    async def submit_charge(self, *, account: str, outside_id: str) -> Outcome:
        await self._perhaps("before_submit")
        outcome = await self._provider.submit_charge(account=account, outside_id=outside_id)
        await self._perhaps("after_submit")
        return outcome

    async def _perhaps(self, moment: Moment) -> None:
        if moment == self._at:
            await self._what()
