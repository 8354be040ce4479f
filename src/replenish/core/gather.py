"""Gather concurrent requests into batches: while one batch commits, the next one gathers (design: the usage path).

Generic: knows nothing of what it batches. No timer: a lone request is not delayed. Bounded: a full queue refuses at once,
memory never grows without limit. A lane runs one batch at a time; items of one lane keep their order.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from replenish.core.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_MAX: Final = 512
WAITING_MAX: Final = 20_000


class Busy(Unavailable):
    """More is waiting than may wait; nothing was taken from this request."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__("The server is busy; nothing was recorded. Send the same request again.")


class Gatherer(Generic[Item, Result]):
    """Hands items to `run` in batches; `run` returns one result per item, in order, and may raise for the whole batch.

    `lane_of` says which lane an item goes to: items that must not run side by side have the same.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        lane_of: Callable[[Item], int],
        lanes: int = 2,
        batch_max: int = BATCH_MAX,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._run = run
        self._lane_of = lane_of
        self._lanes = [_Lane[Item, Result]() for _ in range(lanes)]
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many items have been taken in and not yet begun."""
        return self._waiting

    async def submit(self, item: Item) -> Result:
        """One item, one result. Raises Busy when the queue is full, and whatever `run` raises for its batch."""
        (future,) = self._enqueue([item])
        return await future

    async def submit_all(self, items: Sequence[Item]) -> list[Result]:
        """Several items; results in their order. Raises Busy before any is taken, never after some are."""
        return await asyncio.gather(*self._enqueue(items))

    def _enqueue(self, items: Sequence[Item]) -> list["asyncio.Future[Result]"]:
        if self._waiting + len(items) > self._waiting_max:
            raise Busy
        loop = asyncio.get_running_loop()
        self._waiting += len(items)
        futures: list[asyncio.Future[Result]] = []
        for item in items:
            future: asyncio.Future[Result] = loop.create_future()
            lane = self._lanes[self._lane_of(item) % len(self._lanes)]
            lane.queue.append((item, future))
            if lane.task is None:
                lane.task = loop.create_task(self._drain(lane))
            futures.append(future)
        return futures

    async def _drain(self, lane: "_Lane[Item, Result]") -> None:
        # Callers that are runnable in this very turn of the loop join the first batch.
        await asyncio.sleep(0)
        try:
            while lane.queue:
                await self._run_batch(lane)
        finally:
            lane.task = None

    async def _run_batch(self, lane: "_Lane[Item, Result]") -> None:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while lane.queue and len(batch) < self._batch_max:
            item, future = lane.queue.popleft()
            self._waiting -= 1
            # A caller that went away before its turn has nothing taken.
            if not future.done():
                batch.append((item, future))
        if not batch:
            return
        try:
            results = await self._run([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to the callers, who each raise it
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def close(self) -> None:
        """Wait until everything taken in has its result; call after the server has stopped taking requests."""
        while tasks := [lane.task for lane in self._lanes if lane.task is not None]:
            await asyncio.wait(tasks)


class _Lane(Generic[Item, Result]):
    __slots__ = ("queue", "task")

    def __init__(self) -> None:
        self.queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self.task: asyncio.Task[None] | None = None
