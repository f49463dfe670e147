"""Commands, queries and errors over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from scrip import (
    AsyncScripClient,
    ProblemError,
    RefusedError,
    Retry,
    ScripClient,
    UnansweredError,
    UnreachableError,
    completed,
)
from scrip.generated_types import ConsumeCommand

from .server import Server, free_port


def consumption(user: str, number: int) -> ConsumeCommand:
    """Return a consumption of a user."""
    return {
        "type": "consume",
        "referenceId": f"{user}-{number}",
        "userId": user,
        "service": "google:chat",
    }


class HttpTest(unittest.TestCase):
    """The synchronous client against a worker."""

    server: Server
    scrip: ScripClient

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.scrip = ScripClient(cls.server.url, cls.server.token)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.scrip.close()
        cls.server.end()

    def register(self, user: str) -> None:
        self.scrip.grant(f"signup-{user}", user, "registration_bonus")

    def test_commands_return_outcomes_and_a_refusal_is_an_outcome(self) -> None:
        self.register("ada")
        outcome = self.scrip.consume("chat-1", "ada", "google:chat")
        self.assertEqual((outcome["status"], outcome["amount"]), ("completed", -2))
        refused = self.scrip.consume("image-1", "ada", "google:image", quantity=100)
        self.assertEqual(refused["status"], "failed")
        error = refused["error"]
        assert error
        self.assertEqual((error["code"], error["required"]), ("insufficient_credits", 500))
        with self.assertRaises(RefusedError) as raised:
            completed(refused)
        self.assertEqual(raised.exception.code, "insufficient_credits")
        self.assertEqual(self.scrip.refund("chat-1:refund", "ada", "chat-1")["amount"], 2)

    def test_every_command_of_a_bridge_is_applied(self) -> None:
        user = "bea"
        bought = self.scrip.purchase(
            "pi_1", user, "pi_1", package_id="lite", amount_paid="9.99", currency="USD"
        )
        self.assertEqual(bought["balance"], 110)
        refused = self.scrip.subscribe("evt_1", user, "none", "active", "sub_1")
        assert refused["error"]
        self.assertEqual(refused["error"]["code"], "unknown_plan")
        revoked = self.scrip.revoke("re_1", user, purchase_id="pi_1")
        self.assertEqual(revoked["taken"], 110)
        self.assertEqual(self.scrip.reinstate("re_1:won", user, "re_1")["restored"], 110)
        frozen = self.scrip.freeze("f-1", user, actor="ops:test", reason="test")
        self.assertEqual(frozen["status"], "completed")
        self.scrip.unfreeze("f-2", user, actor="ops:test", reason="test")
        none = self.scrip.forgive("f-3", user, actor="ops:test", reason="test")
        assert none["error"]
        self.assertEqual(none["error"]["code"], "forgive_exceeds_debt")

    def test_every_query_has_its_result(self) -> None:
        user = "team/eve ü"
        self.register(user)
        self.scrip.consume("eve-1", user, "google:chat")
        self.assertEqual(self.scrip.balance(user)["availableCredits"], 18)
        self.assertEqual(len(self.scrip.batches(user)["items"]), 1)
        self.assertEqual(self.scrip.holds(user, all=True)["items"], [])
        first = self.scrip.transactions(user, page_size=1)
        self.assertEqual(first["items"][0]["referenceId"], "eve-1")
        second = self.scrip.transactions(user, page_size=1, cursor=first["nextCursor"])
        self.assertEqual(second["items"][0]["referenceId"], f"signup-{user}")
        self.assertEqual(self.scrip.price("google:image", 3)["credits"], 15)
        self.assertIn("lite", [package["id"] for package in self.scrip.packages()["items"]])
        self.assertTrue(self.scrip.quote(user, "google:chat")["allowed"])
        self.assertFalse(self.scrip.quote(user, "google:chat", amount=19)["allowed"])

    def test_a_published_command_has_a_receipt_and_its_outcome_can_be_awaited(self) -> None:
        self.register("finn")
        receipt = self.scrip.publish(consumption("finn", 1))
        self.assertEqual((receipt["status"], receipt["origin"]), ("accepted", "usage"))
        self.assertEqual(self.scrip.wait(receipt)["amount"], -2)
        self.assertIsNone(self.scrip.outcome("usage", "none/1"))
        receipt["referenceId"] = "none"
        # There is no time for a second look, whose answer might come too late.
        with ScripClient(self.server.url, self.server.token, retry=Retry(min_delay=5.0)) as once:
            with self.assertRaises(UnansweredError):
                once.wait(receipt, timeout=1.0)

    def test_a_batch_is_published_in_its_order(self) -> None:
        self.register("gus")
        commands = [consumption("gus", number) for number in range(3)]
        self.assertEqual({one["status"] for one in self.scrip.publish_all(commands)}, {"accepted"})
        self.assertEqual({one["status"] for one in self.scrip.send_all(commands)}, {"completed"})
        self.assertEqual(self.scrip.balance("gus")["balance"], 14)

    def test_a_wrong_request_is_a_problem_with_code_and_field(self) -> None:
        with self.assertRaises(ProblemError) as raised:
            self.scrip.send({**consumption("ada", 1), "quantity": 1.5})
        problem = raised.exception
        found = (problem.code, problem.field, problem.status)
        self.assertEqual(found, ("invalid_field", "quantity", 400))
        with ScripClient(self.server.url, "wrong") as stranger:
            with self.assertRaises(ProblemError) as raised:
                stranger.balance("ada")
        self.assertEqual(raised.exception.code, "invalid_token")
        with self.assertRaises(ProblemError) as raised:
            self.scrip.user_token("ada")
        self.assertEqual(raised.exception.code, "user_tokens_off")

    def test_a_request_to_no_server_is_unreachable_without_the_token_in_the_error(self) -> None:
        with ScripClient(f"http://127.0.0.1:{free_port()}", "secret-token") as nowhere:
            with self.assertRaises(UnreachableError) as raised:
                nowhere.balance("ada", timeout=0.3)
        self.assertNotIn("secret-token", f"{raised.exception!r}{raised.exception.__cause__!r}")


class AsyncHttpTest(unittest.IsolatedAsyncioTestCase):
    """The asyncio client against a worker."""

    async def test_the_asyncio_client_sends_the_same_requests(self) -> None:
        server = await asyncio.to_thread(Server)
        async with AsyncScripClient(server.url, server.token) as scrip:
            await scrip.grant("signup-ada", "ada", "registration_bonus")
            outcome = await scrip.consume("chat-1", "ada", "google:chat")
            self.assertEqual(outcome["amount"], -2)
            receipt = await scrip.publish(consumption("ada", 1))
            self.assertEqual((await scrip.wait(receipt))["amount"], -2)
            self.assertIsNone(await scrip.outcome("usage", "none"))
            results = await scrip.send_all([consumption("ada", 2), consumption("ada", 3)])
            self.assertEqual({one["status"] for one in results}, {"completed"})
            self.assertEqual((await scrip.balance("ada"))["availableCredits"], 12)
            self.assertEqual(len((await scrip.transactions("ada"))["items"]), 5)
            self.assertEqual((await scrip.price("google:image"))["credits"], 5)
            with self.assertRaises(ProblemError) as raised:
                await scrip.balance("none")
            self.assertEqual(raised.exception.code, "wallet_not_found")
        async with AsyncScripClient(f"http://127.0.0.1:{free_port()}", "token") as nowhere:
            with self.assertRaises(UnreachableError):
                await nowhere.packages(timeout=0.3)
        await asyncio.to_thread(server.end)


class BusyServerTest(unittest.TestCase):
    """The client against a server that is busy at first."""

    def test_a_busy_server_is_asked_again_after_the_time_that_it_names(self) -> None:
        bodies: list[bytes] = []

        class Busy(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["content-length"])))
                is_busy = len(bodies) < 3
                body = b"busy" if is_busy else json.dumps({"status": "completed"}).encode()
                self.send_response(503 if is_busy else 200)
                self.send_header("retry-after", "1")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as http:
            Thread(target=http.serve_forever, daemon=True).start()
            start = time.monotonic()
            with ScripClient(f"http://127.0.0.1:{http.server_port}/", "token") as client:
                outcome = client.consume("r", "ada", "google:chat")
            http.shutdown()
        self.assertEqual(outcome["status"], "completed")
        self.assertEqual(len(set(bodies)), 1)
        self.assertGreaterEqual(time.monotonic() - start, 2.0)
