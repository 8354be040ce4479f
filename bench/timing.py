"""Closed loops: so many callers, each waits for its answer before it asks again; the first second does not count."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

WARM_SECONDS = 1.0


class Sample(msgspec.Struct, frozen=True):
    """One run of one side."""

    per_second: float
    p50_ms: float
    p99_ms: float


async def closed_loop(
    ask: Callable[[int], Awaitable[None]], *, callers: int, seconds: float, events_per_ask: int = 1
) -> Sample:
    """`ask(caller)` is one request; a refusal must raise."""
    begin = time.perf_counter() + WARM_SECONDS
    end = begin + seconds
    taken: list[float] = []

    async def caller(number: int) -> None:
        while True:
            at = time.perf_counter()
            if at >= end:
                return
            await ask(number)
            if at >= begin:
                taken.append(time.perf_counter() - at)

    await asyncio.gather(*(caller(number) for number in range(callers)))
    return sample(taken, seconds=seconds, events_per_ask=events_per_ask)


def sample(taken: list[float], *, seconds: float, events_per_ask: int = 1) -> Sample:
    taken.sort()
    if not taken:
        raise RuntimeError("nothing was answered in time")
    return Sample(
        per_second=len(taken) * events_per_ask / seconds,
        p50_ms=1000 * taken[len(taken) // 2],
        p99_ms=1000 * taken[int(len(taken) * 0.99)],
    )


def median(samples: Sequence[Sample]) -> Sample:
    """Of alternated runs."""
    return Sample(
        per_second=statistics.median(one.per_second for one in samples),
        p50_ms=statistics.median(one.p50_ms for one in samples),
        p99_ms=statistics.median(one.p99_ms for one in samples),
    )
