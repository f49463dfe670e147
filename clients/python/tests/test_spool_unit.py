"""The spool with a client that does what the test says."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from scrip import AsyncLedger, ScripClient, ScripError, UnreachableError
from scrip.spool import AsyncSpool, Spool

COMMAND = {"type": "consume", "referenceId": "r-1", "userId": "ada", "service": "google:chat"}


class FakeClient:
    """A client whose server is away until `send` is replaced."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.send: Callable[[], None] = self.away

    def away(self) -> None:
        """Fail as if the server was unreachable."""
        raise UnreachableError("a test", 0.1)

    def publish(self, command: Mapping[str, Any], **_: object) -> object:
        return self.publish_all([command], 0.1)

    def publish_all(self, commands: Sequence[Mapping[str, Any]], _: float) -> object:
        self.send()
        self.sent.extend(str(command["referenceId"]) for command in commands)
        return {}


class AsyncFakeClient(FakeClient):
    """The same with asyncio."""

    async def publish(self, command: Mapping[str, Any], **_: object) -> object:
        return FakeClient.publish_all(self, [command], 0.1)

    async def publish_all(self, commands: Sequence[Mapping[str, Any]], _: float) -> object:
        return FakeClient.publish_all(self, commands, 0.1)


class SpoolUnitTest(unittest.IsolatedAsyncioTestCase):
    """Spools of both clients."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "spool")
        logging.getLogger("scrip.spool").setLevel(logging.CRITICAL)

    def spool(self, client: FakeClient) -> Spool:
        return Spool(cast(ScripClient, client), self.path)

    def assert_closed(self, work: Callable[[], object]) -> None:
        with self.assertRaises(ScripError) as raised:
            work()
        self.assertEqual(raised.exception.code, "spool_closed")

    def test_an_unexpected_error_does_not_end_the_sender(self) -> None:
        client = FakeClient()
        failures = iter([KeyError("results"), ValueError("not JSON")])

        def send() -> None:
            for failure in failures:
                raise failure

        with self.spool(client) as spool:
            spool.publish(COMMAND)
            client.send = send
            end = time.monotonic() + 10
            while len(spool) and time.monotonic() < end:
                time.sleep(0.01)
        self.assertEqual(client.sent, ["r-1"])

    async def test_an_unexpected_error_does_not_end_the_asyncio_sender(self) -> None:
        client = AsyncFakeClient()
        failures = iter([KeyError("results"), ValueError("not JSON")])

        def send() -> None:
            for failure in failures:
                raise failure

        async with AsyncSpool(cast(AsyncLedger, client), self.path) as spool:
            await spool.publish(COMMAND)
            client.send = send
            end = time.monotonic() + 10
            while len(spool) and time.monotonic() < end:
                await asyncio.sleep(0.01)
        self.assertEqual(client.sent, ["r-1"])

    def test_close_waits_for_a_command_that_is_published(self) -> None:
        client = FakeClient()
        entered, leave = threading.Event(), threading.Event()

        def send() -> None:
            entered.set()
            leave.wait()
            client.away()

        client.send = send
        spool = self.spool(client)
        publishing = threading.Thread(target=spool.publish, args=(COMMAND,))
        publishing.start()
        entered.wait()
        closing = threading.Thread(target=spool.close)
        closing.start()
        while not spool._closing.is_set():
            time.sleep(0.001)
        leave.set()
        publishing.join()
        closing.join()
        self.assertIn(b"r-1", self.path.read_bytes())

    def test_a_closed_spool_writes_into_no_other_file(self) -> None:
        spool = self.spool(FakeClient())
        spool.close()
        other = os.open(self.path.with_name("other"), os.O_CREAT | os.O_WRONLY)
        self.addCleanup(os.close, other)
        again = os.open(self.path.with_name("other"), os.O_WRONLY)
        self.addCleanup(os.close, again)
        self.assert_closed(lambda: spool.publish(COMMAND))
        spool.close()
        self.assertEqual(self.path.with_name("other").read_bytes(), b"")
        os.write(other, b"it is open")

    async def test_a_closed_asyncio_spool_raises(self) -> None:
        spool = AsyncSpool(cast(AsyncLedger, AsyncFakeClient()), self.path)
        await spool.close()
        with self.assertRaises(ScripError) as raised:
            await spool.publish(COMMAND)
        self.assertEqual(raised.exception.code, "spool_closed")

    async def test_a_cancelled_publish_keeps_its_command(self) -> None:
        client = AsyncFakeClient()
        async with AsyncSpool(cast(AsyncLedger, client), self.path) as spool:
            task = asyncio.create_task(spool.publish(COMMAND))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.assertIn(b"r-1", self.path.read_bytes())

    def test_the_spool_is_closed_in_a_forked_process_and_not_locked_by_it(self) -> None:
        spool = self.spool(FakeClient())
        spool.publish(COMMAND)
        reader, writer = os.pipe()
        is_forked, forked = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writer)
            code = 1
            try:
                spool.publish(COMMAND)
            except ScripError as error:
                code = 0 if error.code == "spool_closed" else 2
            os.write(forked, b".")
            os.read(reader, 1)  # until the parent has opened it again
            os._exit(code)
        os.read(is_forked, 1)
        for descriptor in (reader, is_forked, forked):
            os.close(descriptor)
        spool.close()
        self.spool(FakeClient()).close()
        os.close(writer)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
