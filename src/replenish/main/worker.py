"""The worker process: what runs when, until it is told to stop. Any number of them may run; the rows are the jobs."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog

from replenish.core.db import Database
from replenish.core.settings import Settings
from replenish.main.startup import open_database

log = structlog.stdlib.get_logger(__name__)

# After a failure: long enough not to hammer what is broken, short enough to notice when it is mended.
PAUSE_AFTER_FAILURE_SECONDS: Final = 5.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of due rows. `run` does at most one batch and returns how much it found; while it finds some, it runs again."""

    name: str
    every_seconds: float
    run: Callable[[Database], Awaitable[int]]


JOBS: Final[Sequence[Job]] = ()


async def work(settings: Settings) -> None:
    """Run every job until SIGTERM or SIGINT; what runs then is finished first."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    db = await open_database(settings.database_url, size_max=settings.pool_size, application="replenish worker")
    try:
        log.info("worker started", jobs=[job.name for job in JOBS])
        await run_jobs(db, jobs=JOBS, stopping=stopping)
    finally:
        await db.close()
    log.info("worker stopped")


async def run_jobs(db: Database, *, jobs: Sequence[Job], stopping: asyncio.Event) -> None:
    """Each job in a task of its own: a slow or failing one does not hold up the others."""
    async with asyncio.TaskGroup() as tasks:
        for job in jobs:
            tasks.create_task(_repeat(db, job=job, stopping=stopping))
        await stopping.wait()


async def _repeat(db: Database, *, job: Job, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            found = await job.run(db)
            pause = 0.0 if found else job.every_seconds
        except Exception:  # whatever it is, the other rows and the other jobs must go on
            log.exception("job failed", job=job.name)
            pause = max(job.every_seconds, PAUSE_AFTER_FAILURE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), timeout=pause)
