"""Processes that live and die with their parent: started again when they end by themselves, gone when the parent is.

A parent that is killed cannot end anybody. So each child holds the reading end of a pipe whose writing end only the parent has;
the kernel closes it with the parent, and the child reads the end of the file. This works on every system, unlike Linux's
parent-death signal, which is bound to the thread that started the child.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

PIPE_VARIABLE: Final = "REPLENISH_PARENT_PIPE"
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 15.0
# A child that ran this long was well; its end is news, not the next of a series.
WELL_AFTER_SECONDS: Final = 30.0
GRACE_SECONDS: Final = 15.0


class ParentPipe:
    """The parent's half: pass `reading_end` to the children, keep this object alive."""

    def __init__(self) -> None:
        self.reading_end, self._writing_end = os.pipe()

    def close(self) -> None:
        os.close(self.reading_end)
        os.close(self._writing_end)


def end_with_parent(*, last_act: Callable[[], None] | None = None, environment: Mapping[str, str] = os.environ) -> None:
    """The child's half: end this process when the parent is gone. Does nothing without a parent that asked for it.

    At once but for `last_act`, not gracefully: the parent was killed, and whoever starts the next one wants the port to be free.
    """
    descriptor = environment.get(PIPE_VARIABLE)
    if not descriptor:
        return

    def wait(reading_end: int) -> None:
        while os.read(reading_end, 1):
            pass
        try:
            if last_act is not None:
                last_act()
        finally:
            os._exit(1)

    threading.Thread(target=wait, args=(int(descriptor),), name="end-with-parent", daemon=True).start()


async def keep_running(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    pipe: ParentPipe,
    stopping: asyncio.Event,
    say: Callable[[str], None],
) -> None:
    """Run a command until `stopping` is set, again and again if need be; on return it has ended."""
    pause = FIRST_PAUSE_SECONDS
    loop = asyncio.get_running_loop()
    while not stopping.is_set():
        started = loop.time()
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**environment, PIPE_VARIABLE: str(pipe.reading_end)},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(pipe.reading_end,),
            # Ctrl-C reaches the terminal's whole group; the order of the end is the parent's business.
            start_new_session=True,
        )
        code = await _ended_or_stopped(process, stopping=stopping)
        if code is None:
            return
        if loop.time() - started >= WELL_AFTER_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        say(f"{name} ended ({describe(code)}); starting it again in {pause:g} s")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), timeout=pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def _ended_or_stopped(process: asyncio.subprocess.Process, *, stopping: asyncio.Event) -> int | None:
    """The code of a process that ended by itself, or None after ending it because we are stopping."""
    ended = asyncio.ensure_future(process.wait())
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return ended.result()
        process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(ended), timeout=GRACE_SECONDS)
        except TimeoutError:
            process.kill()
            await ended
        return None
    finally:
        stop.cancel()


def describe(code: int) -> str:
    """A return code in words."""
    if code >= 0:
        return f"code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
