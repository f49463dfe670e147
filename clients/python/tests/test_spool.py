"""The spool, which keeps commands while the server is unreachable."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from scrip import AsyncScripClient, Retry, ScripClient, ScripError, UnreachableError
from scrip.spool import AsyncSpool, Spool

from .load import PRICE, START
from .server import Server
from .test_http import consumption


def flush(spool: Spool) -> None:
    """Flush until the server takes commands: it does so a moment after it has started."""
    while len(spool):
        try:
            spool.flush()
        except UnreachableError:
            pass


class SpoolTest(unittest.TestCase):
    """The spool of the synchronous client."""

    server: Server
    scrip: ScripClient

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.scrip = ScripClient(cls.server.url, cls.server.token, retry=Retry(max_delay=0.05))
        cls.scrip.purchase("pi-ada", "ada", "pi-ada", credits=START)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.scrip.close()
        cls.server.end()

    def path(self, name: str) -> Path:
        return self.server.folder / name

    def open(self, name: str, max_bytes: int = 1 << 20, timeout: float = 1.0) -> Spool:
        return Spool(self.scrip, self.path(name), max_bytes=max_bytes, timeout=timeout)

    def assert_code(self, code: str, name: str) -> None:
        with self.assertRaises(ScripError) as raised:
            self.open(name)
        self.assertEqual(raised.exception.code, code)

    def test_commands_are_kept_while_the_server_is_away_and_sent_in_order(self) -> None:
        self.scrip.purchase("pi-bob", "bob", "pi-bob", credits=START)
        with self.open("order", timeout=30.0) as spool:
            self.assertIsNotNone(spool.publish(consumption("bob", 0)))
        with self.open("order") as spool:
            self.server.stop()
            for number in range(1, 51):
                self.assertIsNone(spool.publish(consumption("bob", number)))
            with self.assertRaises(UnreachableError):
                spool.flush()
            self.assertEqual(len(spool), 50)
            self.server.run()
            flush(spool)
            self.assertEqual(len(spool), 0)
        self.scrip.send_all([consumption("bob", 51)])
        items = self.scrip.transactions("bob", page_size=100)["items"]
        references = [item["referenceId"] for item in reversed(items)]
        self.assertEqual(references, ["pi-bob", *(f"bob-{number}" for number in range(52))])
        self.assertEqual(self.path("order").stat().st_size, 0)

    def test_a_killed_process_loses_no_command_that_was_safe(self) -> None:
        safe = 0
        words = [self.server.url, self.server.token, str(self.path("killed"))]
        # In the second round the server goes away, and it comes back in the last one.
        for wanted, before in (
            (40, None),
            (25, self.server.stop),
            (60, None),
            (10, self.server.run),
        ):
            if before:
                before()
            command = [sys.executable, "-m", "tests.spool_child", *words, str(safe)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert process.stdout
            first = safe
            with process.stdout:
                for line in process.stdout:
                    safe = int(line) + 1
                    if safe - first == wanted:
                        process.kill()
            self.assertEqual(process.wait(), -signal.SIGKILL)
        with self.open("killed") as spool:
            flush(spool)
        last = self.scrip.send_all([consumption("ada", safe + 1_000)])
        self.assertEqual(last[0]["status"], "completed")
        # The process may have sent commands whose number it could not print any more.
        spent = (START - self.scrip.balance("ada")["balance"]) // PRICE - 1
        self.assertGreaterEqual(spent, safe)
        for number in range(safe):
            self.assertIsNotNone(self.scrip.outcome("usage", f"ada-{number}"), f"ada-{number}")

    def test_a_spool_is_bounded_and_belongs_to_one_process(self) -> None:
        with self.open("small", 310) as spool:
            self.assert_code("spool_locked", "small")
            self.server.stop()
            spool.publish(consumption("ada", 5_000))
            spool.publish(consumption("ada", 5_001))
            with self.assertRaises(ScripError) as raised:
                spool.publish(consumption("ada", 5_002))
            self.assertEqual(raised.exception.code, "spool_full")
        self.server.run()
        with self.open("small", 310) as spool:
            flush(spool)

    def test_a_command_that_the_server_does_not_understand_is_put_aside(self) -> None:
        self.server.stop()
        with self.open("wrong") as spool:
            spool.publish(consumption("ada", 6_000))
            spool.publish({**consumption("ada", 6_001), "quantity": 1.5})
            spool.publish(consumption("ada", 6_002))
            self.server.run()
            flush(spool)
            self.assertEqual(len(spool), 0)
        rejected = json.loads(self.path("wrong.rejected").read_text())
        found = (rejected["code"], rejected["command"]["referenceId"])
        self.assertEqual(found, ("invalid_field", "ada-6001"))
        for outcome in self.scrip.send_all([consumption("ada", 6_000), consumption("ada", 6_002)]):
            self.assertTrue(outcome.get("replayed"))

    def test_a_cut_off_line_is_dropped_and_a_damaged_one_is_an_error(self) -> None:
        self.server.stop()
        with self.open("torn") as spool:
            spool.publish(consumption("ada", 7_000))
            spool.publish(consumption("ada", 7_001))
        good = self.path("torn").read_text()
        self.path("torn").write_text(good + good[:50])
        with self.open("torn") as spool:
            self.assertEqual(len(spool), 2)
        self.path("torn").write_text(good.replace("ada-7000", "ada-9999"))
        self.assert_code("spool_damaged", "torn")
        self.server.run()


class AsyncSpoolTest(unittest.IsolatedAsyncioTestCase):
    """The spool of the asyncio clients."""

    async def test_the_asyncio_spool_sends_later_what_it_kept(self) -> None:
        server = await asyncio.to_thread(Server)
        path = server.folder / "spool"
        async with AsyncScripClient(server.url, server.token) as scrip:
            await scrip.purchase("pi-ada", "ada", "pi-ada", credits=START)
            async with AsyncSpool(scrip, path, timeout=30.0) as spool:
                self.assertIsNotNone(await spool.publish(consumption("ada", 0)))
            async with AsyncSpool(scrip, path, timeout=1.0) as spool:
                await asyncio.to_thread(server.stop)
                self.assertIsNone(await spool.publish(consumption("ada", 1)))
                self.assertIsNone(await spool.publish(consumption("ada", 2)))
                await asyncio.to_thread(server.run)
                while len(spool):
                    try:
                        await spool.flush()
                    except UnreachableError:
                        pass
            results = await scrip.send_all([consumption("ada", number) for number in range(3)])
            self.assertEqual({result.get("replayed") for result in results}, {True})
            self.assertEqual((await scrip.balance("ada"))["balance"], START - 3 * PRICE)
        await asyncio.to_thread(server.end)
