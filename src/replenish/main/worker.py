"""The worker process: what runs when, until it is told to stop. Any number of them may run; the rows are the jobs."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from typing import Final

import httpx
import structlog

from replenish.core.settings import Settings
from replenish.main.providers import open_sandbox_for, providers_of
from replenish.main.startup import open_database
from replenish.providers.sandbox.sandbox import Sandbox
from replenish.senders.http import HttpSender
from replenish.worker.deliveries import delivery_jobs
from replenish.worker.jobs import Job, jobs

log = structlog.stdlib.get_logger(__name__)

# After a failure: long enough not to hammer what is broken, short enough to notice when it is mended.
PAUSE_AFTER_FAILURE_SECONDS: Final = 5.0


async def work(settings: Settings) -> None:
    """Run every job until SIGTERM or SIGINT; what runs then is finished first."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    db = await open_database(settings.database_url, size_max=settings.pool_size, application="replenish worker")
    async with contextlib.AsyncExitStack() as opened:
        opened.push_async_callback(db.close)
        sandbox = await open_sandbox_for(settings)
        opened.push_async_callback(sandbox.close)
        http = await opened.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10))
        providers = providers_of(sandbox)
        listed = [*jobs(db, providers=providers, settings=settings), *sandbox_jobs(sandbox, http)]
        listed += delivery_jobs(db, post=HttpSender(loopback=settings.dev).post, settings=settings)
        log.info("worker started", jobs=[job.name for job in listed])
        await run_jobs(jobs=listed, stopping=stopping)
    log.info("worker stopped")


def sandbox_jobs(sandbox: Sandbox, http: httpx.AsyncClient) -> Sequence[Job]:
    """What a real provider does on its own machines: settle late payments, and send its messages."""
    pump = sandbox.pump(http)
    return (
        Job(name="sandbox: settle late payments", every_seconds=1.0, run=sandbox.bank.settle_due),
        Job(name="sandbox: send events", every_seconds=0.5, run=pump.run_once),
    )


async def run_jobs(*, jobs: Sequence[Job], stopping: asyncio.Event) -> None:
    """Each job in a task of its own: a slow or failing one does not hold up the others."""
    async with asyncio.TaskGroup() as tasks:
        for job in jobs:
            tasks.create_task(_repeat(job=job, stopping=stopping))
        await stopping.wait()


async def _repeat(*, job: Job, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            found = await job.run()
            pause = 0.0 if found else job.every_seconds
        except Exception:  # whatever it is, the other rows and the other jobs must go on
            log.exception("job failed", job=job.name)
            pause = max(job.every_seconds, PAUSE_AFTER_FAILURE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), timeout=pause)
