"""The spool of the asyncio clients."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import generated_types as types
from ..async_ledger import AsyncLedger
from ..body import command_body, to_json
from ..deadline import backoff
from ..errors import ProblemError, ScripError, UnreachableError
from ..options import Retry
from .file import SpoolFile
from .rejected import (
    BATCH_BYTES,
    BATCH_COMMANDS,
    MAX_DELAY,
    MIN_DELAY,
    log_failure,
    next_count,
    put_aside,
)

if TYPE_CHECKING:
    from typing_extensions import Self


class AsyncSpool:
    """Sends commands, or keeps them in a file and sends them later.

    They are sent in order and under the same references, by a task. A command that the server does
    not understand is moved to `{path}.rejected`. Each process needs a file of its own.
    """

    def __init__(
        self,
        client: AsyncLedger,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = 64 << 20,
        timeout: float = 5.0,
    ) -> None:
        """Open or create the file, in a running event loop. What is in it is sent.

        `timeout` is the time in seconds to try to send a command before it is kept. The file has at
        most `max_bytes`; beyond that, commands are not kept.
        """
        self._client = client
        self._timeout = timeout
        self._file = SpoolFile(path, max_bytes)
        # Writing to the file blocks, so it is done in a thread.
        self._file_lock = asyncio.Lock()
        self._flush_lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._is_closing = False
        # The calls of `publish` that are running.
        self._publishing: set[asyncio.Future[types.Receipt | None]] = set()
        self._task = asyncio.get_running_loop().create_task(self._send_later())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __len__(self) -> int:
        """Return the number of commands in the file."""
        return len(self._file)

    async def publish(self, command: types.Command | Mapping[str, Any]) -> types.Receipt | None:
        """Send a command and return its receipt, or None if the file has it.

        It is written to the file if the server is unreachable, or if earlier commands are still
        there. Raise `ProblemError` for a command that the server does not understand.
        """
        self._check_open()
        publishing = asyncio.ensure_future(self._publish(command_body(command)))
        self._publishing.add(publishing)
        publishing.add_done_callback(self._publishing.discard)
        # A cancelled caller ends neither the request nor the thread that writes to the file.
        return await asyncio.shield(publishing)

    async def _publish(self, body: dict[str, Any]) -> types.Receipt | None:
        if len(self) == 0:
            try:
                return await self._client.publish(body, timeout=self._timeout)
            except UnreachableError:
                pass
        await self._append(to_json(body))
        return None

    async def flush(self) -> None:
        """Send everything in the file. Raise if the server cannot take it; then it stays there."""
        async with self._flush_lock:
            while len(self):
                self._check_open()
                async with self._file_lock:
                    texts = self._file.first(BATCH_COMMANDS, BATCH_BYTES)
                done = await self._send([json.loads(text) for text in texts])
                await asyncio.shield(asyncio.ensure_future(self._remove(done)))

    async def close(self) -> None:
        """End sending and close the file. Commands in it are sent when it is opened again.

        It waits until running calls of `publish` and of `flush` have ended.
        """
        self._is_closing = True
        self._task.cancel()
        await asyncio.gather(self._task, *self._publishing, return_exceptions=True)
        async with self._flush_lock, self._file_lock:
            await asyncio.to_thread(self._file.close)

    def _check_open(self) -> None:
        self._file.check_open()
        if self._is_closing:
            raise ScripError("spool_closed", f"the spool {self._file.path} is closed")

    async def _append(self, text: bytes) -> None:
        async with self._file_lock:
            await asyncio.to_thread(self._file.append, text)
        self._wake.set()

    async def _remove(self, count: int) -> None:
        async with self._file_lock:
            await asyncio.to_thread(self._file.remove, count)

    async def _send(self, commands: list[dict[str, Any]]) -> int:
        """Send commands. Return how many at the front have left the spool."""
        count = len(commands)
        while True:
            try:
                await self._client.publish_all(commands[:count], self._timeout)
                return count
            except ProblemError as error:
                count = next_count(error, count)
                if count == 0:
                    await asyncio.to_thread(put_aside, self._file.path, error, commands[0])
                    return 1

    async def _send_later(self) -> None:
        """Send in the background until the spool is closed."""
        failures = 0
        while not self._is_closing:
            if len(self) == 0:
                await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
                failures = 0
            except Exception as error:  # nothing may end this task while commands wait
                if self._is_closing:
                    return
                delay = backoff(failures, Retry(MIN_DELAY, MAX_DELAY))
                log_failure(self._file.path, error, delay)
                await asyncio.sleep(delay)
                failures += 1
