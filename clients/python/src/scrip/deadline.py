"""The time until which a request may be repeated, and the delays between its attempts."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable
from typing import TypeVar

from .options import Retry

T = TypeVar("T")


class Deadline:
    """The end of a request. `what` names the request in errors, such as `consume chat-1`."""

    def __init__(self, what: str, timeout: float) -> None:
        self.what = what
        self.timeout = timeout
        self._end = time.monotonic() + timeout

    @property
    def left(self) -> float:
        """The seconds that are left, at least 0."""
        return max(0.0, self._end - time.monotonic())


def backoff(failures: int, retry: Retry) -> float:
    """Return a random delay in seconds before the attempt after `failures` failures."""
    longest: float = min(retry.max_delay, retry.min_delay * 2.0 ** min(failures, 30))
    return longest * random.uniform(0.5, 1.0)


async def within(work: Awaitable[T], seconds: float) -> T:
    """Return the result of the work, or raise `asyncio.TimeoutError` and cancel it.

    Before Python 3.12, `asyncio.wait_for` loses a cancellation that comes as the work ends.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            task.cancel()
