"""The spool of the synchronous client."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import generated_types as types
from ..body import command_body, to_json
from ..client import ScripClient
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


class Spool:
    """Sends commands, or keeps them in a file and sends them later.

    They are sent in order and under the same references, by a thread. A command that the server
    does not understand is moved to `{path}.rejected`. Any number of threads may use a spool; each
    process needs a file of its own.
    """

    def __init__(
        self,
        client: ScripClient,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = 64 << 20,
        timeout: float = 5.0,
    ) -> None:
        """Open or create the file. What an earlier process left in it is sent.

        `timeout` is the time in seconds to try to send a command before it is kept. The file has at
        most `max_bytes`; beyond that, commands are not kept.
        """
        self._client = client
        self._timeout = timeout
        self._file = SpoolFile(path, max_bytes)
        # Guards the file and the number of calls of `publish` that are running.
        self._file_lock = threading.Condition()
        self._publishing = 0
        self._flush_lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._send_later, name="scrip-spool", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of commands in the file."""
        return len(self._file)

    def publish(self, command: types.Command | Mapping[str, Any]) -> types.Receipt | None:
        """Send a command and return its receipt, or None if the file has it.

        It is written to the file if the server is unreachable, or if earlier commands are still
        there. Raise `ProblemError` for a command that the server does not understand.
        """
        self._file.check_open()
        body = command_body(command)
        with self._file_lock:
            self._check_open()
            self._publishing += 1
        try:
            return self._publish(body)
        finally:
            with self._file_lock:
                self._publishing -= 1
                self._file_lock.notify_all()

    def _publish(self, body: dict[str, Any]) -> types.Receipt | None:
        if len(self) == 0:
            try:
                return self._client.publish(body, timeout=self._timeout)
            except UnreachableError:
                pass
        with self._file_lock:
            self._file.append(to_json(body))
        self._wake.set()
        return None

    def flush(self) -> None:
        """Send everything in the file. Raise if the server cannot take it; then it stays there."""
        with self._flush_lock:
            while len(self):
                with self._file_lock:
                    self._check_open()
                    texts = self._file.first(BATCH_COMMANDS, BATCH_BYTES)
                done = self._send([json.loads(text) for text in texts])
                with self._file_lock:
                    self._file.remove(done)

    def close(self) -> None:
        """End sending and close the file. Commands in it are sent when it is opened again.

        It waits until calls of `publish` in other threads and the batch that is sent have ended.
        """
        self._closing.set()
        self._wake.set()
        self._thread.join()
        with self._flush_lock, self._file_lock:
            self._file_lock.wait_for(lambda: self._publishing == 0)
            self._file.close()

    def _check_open(self) -> None:
        self._file.check_open()
        if self._closing.is_set():
            raise ScripError("spool_closed", f"the spool {self._file.path} is closed")

    def _send(self, commands: list[dict[str, Any]]) -> int:
        """Send commands. Return how many at the front have left the spool."""
        count = len(commands)
        while True:
            try:
                self._client.publish_all(commands[:count], self._timeout)
                return count
            except ProblemError as error:
                count = next_count(error, count)
                if count == 0:
                    put_aside(self._file.path, error, commands[0])
                    return 1

    def _send_later(self) -> None:
        """Send in the background until the spool is closed."""
        failures = 0
        while True:
            if len(self) == 0:
                self._wake.wait()
            self._wake.clear()
            if self._closing.is_set():
                return
            try:
                self.flush()
                failures = 0
            except Exception as error:  # nothing may end this thread while commands wait
                if self._closing.is_set():
                    return
                delay = backoff(failures, Retry(MIN_DELAY, MAX_DELAY))
                log_failure(self._file.path, error, delay)
                self._closing.wait(delay)
                failures += 1
