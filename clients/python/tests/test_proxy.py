"""Responses that are not from the API, and errors after attempts without an answer."""

from __future__ import annotations

import asyncio
import tempfile
import time
import traceback
import unittest
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from scrip import AsyncScripClient, ProblemError, Retry, ScripClient, UnreachableError
from scrip.amqp import AsyncAmqpClient
from scrip.spool import AsyncSpool, Spool

Step = Callable[[], httpx.Response]
COMMAND = {"type": "consume", "referenceId": "r", "userId": "ada", "service": "s"}
STATUSES = (200, 302, 400, 401, 403, 404, 413, 500, 502, 521, 522, 524, 530)


def html(status: int) -> Step:
    return lambda: httpx.Response(status, text="<html>proxy</html>")


def answer(status: int, body: dict[str, Any]) -> Step:
    return lambda: httpx.Response(status, json=body)


def lost() -> httpx.Response:
    raise httpx.ReadError("the connection was lost")


HELD = answer(
    200, {"type": "hold", "referenceId": "h", "userId": "ada", "status": "completed", "held": 5}
)
INVALID_TOKEN = answer(401, {"code": "invalid_token", "detail": "no"})


def client(
    *steps: Step, timeout: float = 0.3, min_delay: float = 0.001
) -> tuple[ScripClient, list[bytes]]:
    """Return a client whose requests get these responses, the last one again and again."""
    bodies: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return steps[min(len(bodies), len(steps)) - 1]()

    http = httpx.Client(transport=httpx.MockTransport(handle))
    retry = Retry(min_delay=min_delay)
    return ScripClient("http://api", "t", timeout=timeout, retry=retry, http=http), bodies


class ProxyTest(unittest.TestCase):
    """A client behind a proxy."""

    def test_a_response_that_is_not_from_the_api_is_repeated_and_unreachable(self) -> None:
        for status in STATUSES:
            scrip, bodies = client(html(status), html(status), HELD, timeout=30.0)
            self.assertEqual(scrip.consume("r", "ada", "s")["status"], "completed")
            self.assertEqual(len(bodies), 3)
            # The delay is longer than the time that is left.
            scrip, _ = client(html(status), timeout=2.0, min_delay=5.0)
            with self.assertRaises(UnreachableError) as raised:
                scrip.consume("r", "ada", "s")
            self.assertIn(f"http_{status}", str(raised.exception))
        scrip, _ = client(answer(500, {"code": "internal", "detail": "a defect"}))
        with self.assertRaises(UnreachableError):
            scrip.consume("r", "ada", "s")

    def test_a_spool_keeps_commands_behind_a_proxy_and_puts_none_aside(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "spool")
            for number, status in enumerate((403, 404, 413, 530), 1):
                scrip, _ = client(html(status))
                with Spool(scrip, path, timeout=0.2) as spool:
                    self.assertIsNone(spool.publish({**COMMAND, "referenceId": f"r-{status}"}))
                    with self.assertRaises(UnreachableError):
                        spool.flush()
                    self.assertEqual(len(spool), number)
            self.assertFalse(Path(f"{path}.rejected").exists())

    def releases_after(self, *steps: Step) -> int:
        """Return the number of releases after a capture with these responses."""
        scrip, bodies = client(HELD, *steps)
        with scrip.hold("h", "ada", "s", timeout=10.0) as hold:
            with self.assertRaises(ProblemError) as raised:
                hold.capture(timeout=10.0)
            self.assertEqual(raised.exception.may_be_applied, len(steps) > 1)
        return sum(b'"release"' in body for body in bodies)

    def test_a_guard_does_not_release_after_a_capture_that_may_be_applied(self) -> None:
        for first in (lost, html(524)):
            self.assertEqual(self.releases_after(first, INVALID_TOKEN), 0)

    def test_a_guard_releases_after_a_capture_that_was_not_applied(self) -> None:
        self.assertEqual(self.releases_after(INVALID_TOKEN), 1)

    def test_a_response_that_trickles_ends_at_the_time_limit(self) -> None:
        class Slow(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                for _ in range(400):
                    time.sleep(0.05)
                    yield b" "

        scrip, _ = client(lambda: httpx.Response(200, stream=Slow()), timeout=0.3)
        start = time.monotonic()
        with self.assertRaises(UnreachableError):
            scrip.balance("ada")
        self.assertLess(time.monotonic() - start, 10.0)


class SecretTest(unittest.TestCase):
    """Tokens and passwords that cannot be used."""

    def assert_hidden(self, field: str, make: Callable[[], object]) -> None:
        with self.assertRaises(ProblemError) as raised:
            make()
        self.assertEqual(raised.exception.field, field)
        shown = "".join(traceback.format_exception_only(raised.exception))
        hidden = f"{raised.exception.__cause__!r}{raised.exception.__context__!r}"
        self.assertNotIn("secret", shown + hidden)

    def test_a_token_or_url_that_cannot_be_used_is_an_error_that_does_not_show_it(self) -> None:
        for kind in (ScripClient, AsyncScripClient):
            for token in ("secret\nx", "secret\u200b", "secret x", ""):
                self.assert_hidden("token", partial(kind, "http://h", token))
            for url in ("http://app:secret@h", "http://app:secret", "secret"):
                self.assert_hidden("url", partial(kind, url, "t"))
            kind("http://127.0.0.1:1", "secret\n")
        self.assert_hidden("url", lambda: AsyncAmqpClient("amqp://app:secret#x@host/%2f"))


class CancelTest(unittest.IsolatedAsyncioTestCase):
    """Cancellations of the asyncio client."""

    async def test_a_cancellation_as_the_response_comes_is_not_lost(self) -> None:
        task: asyncio.Task[object]

        async def handle(_: httpx.Request) -> httpx.Response:
            asyncio.get_running_loop().call_soon(task.cancel)
            return httpx.Response(503, text="busy")

        http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
        async with AsyncScripClient("http://h", "t", timeout=10.0, http=http) as scrip:
            task = asyncio.create_task(scrip.packages())
            done, _ = await asyncio.wait({task}, timeout=5.0)
            self.assertTrue(done and task.cancelled())

    async def test_closing_a_spool_whose_server_does_not_answer_ends(self) -> None:
        async def handle(_: httpx.Request) -> httpx.Response:
            await asyncio.sleep(60.0)
            raise AssertionError

        http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
        with tempfile.TemporaryDirectory() as folder:
            async with AsyncScripClient("http://h", "t", http=http) as scrip:
                spool = AsyncSpool(scrip, Path(folder, "spool"), timeout=0.1)
                self.assertIsNone(await spool.publish(COMMAND))
                await asyncio.sleep(0.05)
                await asyncio.wait_for(spool.close(), 5.0)
