"""The gatherer: batches without a timer, in order, bounded, and one caller's fault is not another's."""

import asyncio
from collections.abc import Sequence

import pytest

from replenish.core.gather import Busy, Gatherer

pytestmark = pytest.mark.anyio


class Recorder:
    """Doubles numbers; remembers its batches; holds each until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if -1 in items:
            raise ValueError("a bad batch")
        return [2 * item for item in items]


def gatherer(recorder: Recorder, **options: int) -> Gatherer[int, int]:
    return Gatherer(recorder.run, lane_of=lambda item: item, **({"lanes": 1} | options))


async def test_a_lone_item_is_a_batch_of_one() -> None:
    recorder = Recorder()
    assert await gatherer(recorder).submit(21) == 42
    assert recorder.batches == [[21]]


async def test_what_queues_while_a_batch_runs_is_the_next_batch_in_order() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    gathered = gatherer(recorder)
    first = asyncio.create_task(gathered.submit(0))
    while not recorder.batches:
        await asyncio.sleep(0)
    others = [asyncio.create_task(gathered.submit(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    recorder.gate.set()
    assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8, 10]
    assert recorder.batches == [[0], [1, 2, 3, 4, 5]]


async def test_batches_are_bounded() -> None:
    recorder = Recorder()
    assert await gatherer(recorder, batch_max=2).submit_all(range(5)) == [0, 2, 4, 6, 8]
    assert recorder.batches == [[0, 1], [2, 3], [4]]


async def test_lanes_run_side_by_side() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    task = asyncio.create_task(gatherer(recorder, lanes=2).submit_all([1, 2, 3, 4]))
    while len(recorder.batches) < 2:
        await asyncio.sleep(0)
    recorder.gate.set()
    assert await task == [2, 4, 6, 8]
    assert sorted(recorder.batches) == [[1, 3], [2, 4]]


async def test_a_full_queue_refuses_at_once_and_takes_nothing() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    gathered = gatherer(recorder, waiting_max=3)
    waiting = asyncio.create_task(gathered.submit_all([1, 2]))
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        await gathered.submit_all([3, 4])
    assert refused.value.retry_after_seconds == 1
    recorder.gate.set()
    assert await waiting == [2, 4]
    assert 3 not in recorder.batches[0]
    assert gathered.waiting == 0


async def test_an_exception_reaches_its_batch_only() -> None:
    recorder = Recorder()
    gathered = gatherer(recorder, lanes=2)
    results = await asyncio.gather(*(gathered.submit(number) for number in (-1, 2)), return_exceptions=True)
    assert isinstance(results[0], ValueError)
    assert results[1] == 4
    assert await gathered.submit(3) == 6


async def test_a_caller_that_left_before_its_turn_has_nothing_taken() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    gathered = gatherer(recorder)
    first = asyncio.create_task(gathered.submit(1))
    while not recorder.batches:
        await asyncio.sleep(0)
    gone = asyncio.create_task(gathered.submit(2))
    await asyncio.sleep(0)
    gone.cancel()
    stays = asyncio.create_task(gathered.submit(3))
    await asyncio.sleep(0)
    recorder.gate.set()
    assert await asyncio.gather(first, stays) == [2, 6]
    assert recorder.batches == [[1], [3]]


async def test_closing_waits_for_what_was_taken_in() -> None:
    recorder = Recorder()
    gathered = gatherer(recorder)
    task = asyncio.create_task(gathered.submit(5))
    await asyncio.sleep(0)
    await gathered.close()
    assert task.done() or await task == 10
    assert recorder.batches == [[5]]
