"""Faults between a client and the broker, which are tested on a broker and a server that run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from unittest import TestCase

from yarl import URL

from scrip import AsyncScripClient, ProblemError, Retry, UnreachableError
from scrip.amqp import AsyncAmqpClient
from scrip.generated_types import ConsumeCommand

from .test_http import consumption

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Relay:
    """Relays connections to a broker.

    `bytes_of` returns after how many bytes of the client a connection, numbered from 1, is cut. If
    `is_mute`, it is not cut, but the client hears nothing any more.
    """

    def __init__(self, url: str, bytes_of: Callable[[int], int | None], is_mute: bool) -> None:
        self._target = URL(url)
        self._bytes_of = bytes_of
        self._is_mute = is_mute
        self._heard: set[int] = set()
        self.connections = 0

    async def connect(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Relay one connection."""
        self.connections += 1
        number, limit = self.connections, self._bytes_of(self.connections)
        host, port = self._target.host, self._target.port or 5672
        broker, to_broker = await asyncio.open_connection(host, port)

        async def back() -> None:
            while part := await broker.read(65_536):
                if number not in self._heard:
                    to_client.write(part)

        backward = asyncio.create_task(back())
        sent = 0
        try:
            while part := await client.read(65_536):
                sent += len(part)
                if limit is not None and sent >= limit:
                    if not self._is_mute:
                        return
                    self._heard.add(number)
                to_broker.write(part)
        except ConnectionError:
            pass
        finally:
            backward.cancel()
            to_broker.transport.abort()
            to_client.transport.abort()


@asynccontextmanager
async def relay(
    url: str, bytes_of: Callable[[int], int | None], is_mute: bool = False
) -> AsyncIterator[tuple[Relay, AsyncAmqpClient]]:
    """Return a relay and a client behind it."""
    between = Relay(url, bytes_of, is_mute)
    server = await asyncio.start_server(between.connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    behind = str(URL(url).with_host("127.0.0.1").with_port(port))
    retry = Retry(max_delay=0.2)
    client = AsyncAmqpClient(behind, namespace="clients", attempt_timeout=2.0, retry=retry)
    try:
        yield between, client
    finally:
        await client.close()
        server.close()


async def check_order(test: TestCase, url: str, http: AsyncScripClient, user: str) -> None:
    """Check a batch whose connection is cut twice: its commands are applied in their order."""
    text = "x" * 300
    commands: list[ConsumeCommand] = [
        {**consumption(f"{user}-order", number), "userId": user, "description": text}
        for number in range(90)
    ]
    async with relay(url, lambda number: 12_000 * number if number < 3 else None) as (cut, amqp):
        await amqp.publish_all(commands)
        test.assertGreaterEqual(cut.connections, 3)
    outcomes = await http.send_all(commands, timeout=60.0)
    test.assertEqual({outcome["status"] for outcome in outcomes}, {"completed"})
    items = (await http.transactions(user, page_size=90))["items"]
    applied = [item["referenceId"] for item in reversed(items)]
    test.assertEqual(applied, [command["referenceId"] for command in commands])


async def check_unconfirmed(test: TestCase, url: str, user: str) -> None:
    """Check a broker that confirms nothing on the first connection."""
    first = lambda number: 1_200 if number == 1 else None  # noqa: E731
    async with relay(url, first, is_mute=True) as (mute, amqp):
        command = {**consumption(f"{user}-mute", 1), "userId": user, "description": "x" * 1_000}
        test.assertEqual((await amqp.send(command))["status"], "completed")
        test.assertGreaterEqual(mute.connections, 2)


async def check_silent(test: TestCase, url: str) -> None:
    """Check that the time limit and a cancellation end a request while it connects."""
    async with relay(url, lambda _: 0, is_mute=True) as (_, amqp):
        start = time.monotonic()
        with test.assertRaises(UnreachableError):
            await amqp.balance("ada", timeout=0.2)
        with test.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(amqp.balance("ada"), 0.2)
        test.assertLess(time.monotonic() - start, 10.0)


async def check_refused(test: TestCase, url: str, user: str) -> None:
    """Check that the broker refuses one publish and not those beside it."""
    async with AsyncAmqpClient(url, namespace="clients") as amqp:
        await amqp.balance(user)  # it is connected
        beside = [
            {**consumption(f"{user}-beside", number), "userId": user} for number in range(13)
        ]
        results = await asyncio.gather(
            amqp.send(beside[10], origin="missing"),  # type: ignore[arg-type]
            *(amqp.send(command) for command in beside[:10]),
            amqp.publish_all(beside[11:]),
            return_exceptions=True,
        )
    failed = [result for result in results if isinstance(result, BaseException)]
    test.assertEqual(failed, [results[0]])
    assert isinstance(failed[0], ProblemError)
    test.assertEqual(failed[0].code, "broker_refused")
