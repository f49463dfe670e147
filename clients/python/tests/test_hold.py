"""The guards of holds."""

from __future__ import annotations

import asyncio
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import anyio

from scrip import AsyncScripClient, HoldGuard, ProblemError, RefusedError, ScripClient, ScripError
from scrip.generated_types import Receipt

from .server import Server


class HoldTest(unittest.TestCase):
    """The guard of the synchronous client."""

    server: Server
    scrip: ScripClient
    calls = 0

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.scrip = ScripClient(cls.server.url, cls.server.token)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.scrip.close()
        cls.server.end()

    def hold(self) -> HoldGuard:
        """Return a hold of 10 credits of a user who has 20."""
        HoldTest.calls += 1
        user = f"user-{HoldTest.calls}"
        self.scrip.grant(f"signup-{user}", user, "registration_bonus")
        return self.scrip.hold(f"call-{user}", user, "llm:tokens", quantity=1_000)

    def available(self, guard: HoldGuard) -> int:
        return self.scrip.balance(guard.outcome["userId"])["availableCredits"]

    def test_a_guard_captures_what_was_used(self) -> None:
        guard = self.hold()
        self.assertEqual(guard.held, 10)
        outcome = guard.capture(quantity=250)
        self.assertEqual((outcome["amount"], outcome["available"]), (-3, 17))
        with self.assertRaises(ScripError) as raised:
            guard.capture()
        self.assertEqual(raised.exception.code, "hold_ended")

    def test_a_guard_captures_in_steps_and_releases_the_rest(self) -> None:
        with self.hold() as guard:
            guard.capture_step(quantity=100)
            guard.capture_step(amount=2)
            self.assertEqual(self.available(guard), 10)
        self.assertEqual(self.available(guard), 17)
        self.assertTrue(guard.has_ended)

    def test_a_guard_releases_the_hold_when_the_work_fails(self) -> None:
        with self.assertRaises(ValueError), self.hold() as guard:
            raise ValueError("the model failed")
        self.assertEqual(self.available(guard), 20)

    def test_a_kept_hold_stays(self) -> None:
        with self.hold() as guard:
            self.assertEqual(guard.keep(), guard.reference_id)
        self.assertEqual(self.available(guard), 10)

    def test_a_refused_hold_is_an_error_with_its_outcome(self) -> None:
        with self.assertRaises(RefusedError) as refused:
            self.scrip.hold("none-1", "none", "llm:tokens")
        self.assertEqual(refused.exception.code, "wallet_not_found")
        with self.assertRaises(ProblemError) as problem:
            self.scrip.hold("x" * 189, "none", "llm:tokens")
        self.assertEqual(problem.exception.field, "referenceId")

    def test_a_refused_capture_is_an_error_and_its_hold_is_not_released(self) -> None:
        with self.assertRaises(RefusedError) as raised, self.hold() as guard:
            guard.overrun = "spend"
            guard.capture(quantity=5_000)
        self.assertEqual(raised.exception.code, "insufficient_credits")
        self.assertEqual(self.available(guard), 10)
        guard.overrun = "cap"
        capped = guard.capture(quantity=5_000)
        self.assertEqual((capped["amount"], capped["uncaptured"]), (-20, 30))

    def test_by_default_a_cost_beyond_the_hold_is_charged_as_far_as_there_are_credits(self) -> None:
        capped = self.hold().capture(quantity=5_000)
        self.assertEqual((capped["amount"], capped["uncaptured"]), (-20, 30))

    def test_captures_in_several_threads_are_different_captures(self) -> None:
        guard = self.hold()
        with ThreadPoolExecutor(3) as pool:
            outcomes = list(pool.map(lambda _: guard.capture_step(quantity=100), range(3)))
        self.assertEqual([outcome["amount"] for outcome in outcomes], [-1, -1, -1])
        guard.release()
        self.assertEqual(self.available(guard), 17)

    def test_a_capture_that_sends_nothing_leaves_the_hold_to_be_released(self) -> None:
        with self.assertRaises(ValueError), self.hold() as guard:
            guard.capture(quantity=cast(int, float("nan")))
        self.assertEqual(self.available(guard), 20)


async def settled(scrip: AsyncScripClient, available: int) -> None:
    """Wait until the user has these credits and no hold."""
    while (await scrip.holds("ada"))["items"]:
        await asyncio.sleep(0.01)
    found = (await scrip.balance("ada"))["availableCredits"]
    assert found == available, f"{found} credits"


class AsyncHoldTest(unittest.IsolatedAsyncioTestCase):
    """The guard of the asyncio client."""

    async def test_the_asyncio_guard_captures_and_releases(self) -> None:
        server = await asyncio.to_thread(Server)
        async with AsyncScripClient(server.url, server.token) as scrip:
            await scrip.grant("signup-ada", "ada", "registration_bonus")
            async with await scrip.hold("call-1", "ada", "llm:tokens", quantity=500) as guard:
                await guard.capture_step(quantity=100)
                await guard.capture(quantity=100)
            with self.assertRaises(ValueError):
                async with await scrip.hold("call-2", "ada", "llm:tokens", quantity=500):
                    raise ValueError("the model failed")
            self.assertEqual((await scrip.balance("ada"))["availableCredits"], 18)

            guard = await scrip.hold("call-3", "ada", "llm:tokens", quantity=500)
            steps = await asyncio.gather(*(guard.capture_step(quantity=100) for _ in range(3)))
            self.assertEqual([step["amount"] for step in steps], [-1, -1, -1])
            await guard.release()

            # A scope is cancelled, as web frameworks do when a client disconnects.
            with anyio.CancelScope() as scope:
                async with await scrip.hold("call-4", "ada", "llm:tokens", quantity=500):
                    scope.cancel()
                    await asyncio.sleep(60.0)
            await settled(scrip, 15)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await scrip.hold("call-5", "ada", "llm:tokens", quantity=500)
            # Its release is sent in the background.
            release: Receipt = {
                "referenceId": "call-5:release",
                "type": "release",
                "userId": "ada",
                "origin": "usage",
                "status": "accepted",
            }
            await scrip.wait(release)
            await settled(scrip, 15)
        await asyncio.to_thread(server.end)
