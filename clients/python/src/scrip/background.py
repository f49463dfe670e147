"""Work that ends although its caller is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# The event loop has weak references only.
_tasks: set[asyncio.Task[Any]] = set()


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run work in a task of its own, and wait for it.

    An anyio cancel scope, such as that of a web framework whose client disconnects, cancels every
    `await` of a `finally` block. The task goes on.
    """
    task = asyncio.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return await asyncio.shield(task)
