"""Loads during which servers are killed."""

from __future__ import annotations

import asyncio
import logging
import unittest
from concurrent.futures import Future, ThreadPoolExecutor

from scrip import AsyncScripClient, ProblemError, ScripClient
from scrip.amqp import AsyncAmqpClient, bucket

from .amqp_faults import check_order, check_refused, check_silent, check_unconfirmed
from .load import check_applied, consume_all, consume_in_threads, fund
from .server import Broker, Server, required


class RestartTest(unittest.IsolatedAsyncioTestCase):
    """No accepted command is lost, and none is applied twice."""

    def test_a_killed_server_loses_no_command_and_applies_none_twice(self) -> None:
        server = Server()
        faults: list[Future[None]] = []
        with ScripClient(server.url, server.token) as scrip, ThreadPoolExecutor(1) as fault:
            scrip.purchase("pi-ada", "ada", "pi-ada", credits=100_000)

            def at(number: int) -> None:
                if number in (100, 300):
                    faults.append(fault.submit(server.restart))

            outcomes = consume_in_threads(scrip, "ada", 400, at)
            for one in faults:
                one.result()
            self.assertEqual(len(faults), 2)
            check_applied(self, scrip.balance("ada"), 400, outcomes)
        server.end()

    async def test_a_killed_broker_and_server_lose_no_command_and_apply_none_twice(self) -> None:
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # it logs each failed connection
        broker = await asyncio.to_thread(Broker)
        server = await asyncio.to_thread(
            Server,
            {
                "AMQP_URL": broker.url,
                "DATABASE_URL": required("SCRIP_TEST_DATABASE_URL"),
                "SCRIP_NAMESPACE": "clients",
            },
        )
        async with (
            AsyncScripClient(server.url, server.token) as http,
            AsyncAmqpClient(broker.url, namespace="clients") as amqp,
        ):
            await asyncio.gather(fund(http, "ada"), fund(amqp, "bob"))
            over_http = asyncio.create_task(consume_all(http, "ada", 500))
            over_amqp = asyncio.create_task(consume_all(amqp, "bob", 500))
            while (await http.balance("ada"))["balance"] > 99_800:
                pass
            await asyncio.to_thread(broker.restart)
            await asyncio.to_thread(server.restart)
            outcomes = await asyncio.gather(over_http, over_amqp)
            check_applied(self, await http.balance("ada"), 500, outcomes[0])
            check_applied(self, await amqp.balance("bob"), 500, outcomes[1])

            async with await amqp.hold("call-1", "bob", "llm:tokens", quantity=500) as hold:
                self.assertEqual((await hold.capture(quantity=100))["amount"], -1)
            with self.assertRaises(ProblemError) as raised:
                await amqp.balance("none")
            self.assertEqual(raised.exception.code, "wallet_not_found")
            wrong = {"type": "consume", "referenceId": "w-1", "userId": "bob", "quantity": 1}
            with self.assertRaises(ProblemError) as raised:
                await amqp.send(wrong)
            found = (raised.exception.code, raised.exception.field)
            self.assertEqual(found, ("missing_field", "service"))
            with self.subTest("a batch whose connection is cut keeps its order"):
                await check_order(self, broker.url, http, "ada")
            with self.subTest("a broker that does not confirm is connected again"):
                await check_unconfirmed(self, broker.url, "ada")
            with self.subTest("the time limit ends a request while it connects"):
                await check_silent(self, broker.url)
            with self.subTest("a refused publish fails no other request"):
                await check_refused(self, broker.url, "ada")
            last = await amqp.publish({**wrong, "referenceId": "last", "service": "llm:tokens"})
            self.assertEqual((await http.wait(last))["amount"], -1)
        async with AsyncAmqpClient(broker.url, namespace="missing") as elsewhere:
            with self.assertRaises(ProblemError) as raised:
                await elsewhere.balance("ada")
            self.assertEqual(raised.exception.code, "broker_refused")
        stranger_url = broker.url.replace("guest:guest", "guest:wrong")
        async with AsyncAmqpClient(stranger_url, namespace="clients") as stranger:
            with self.assertRaises(ProblemError) as raised:
                await stranger.balance("ada")
            self.assertNotIn("wrong", str(raised.exception))
        await asyncio.to_thread(server.end)
        await asyncio.to_thread(broker.end)

    def test_the_bucket_of_a_user_is_that_of_the_contract(self) -> None:
        users = ["user_123", "user_42", "alice@example.com", "müller", "日本語ユーザー"]
        self.assertEqual([bucket(user) for user in users], ["25", "13", "41", "25", "44"])
