"""A load of consumptions that must each be applied once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from unittest import TestCase

from scrip import AsyncLedger, ScripClient
from scrip.generated_types import BalanceResult, Outcome

START = 100_000
PRICE = 2
WORKERS = 16
TIMEOUT = 90.0  # seconds


async def fund(ledger: AsyncLedger, user: str) -> None:
    """Sell a user the credits for a load."""
    payment = f"pi-{user}"
    bought = await ledger.purchase(payment, user, payment, credits=START, timeout=60.0)
    assert bought["status"] == "completed", bought


async def consume_all(ledger: AsyncLedger, user: str, total: int) -> list[Outcome]:
    """Consume `total` times, 16 at once."""
    numbers = iter(range(total))
    outcomes: list[Outcome] = []

    async def work() -> None:
        for number in numbers:
            reference = f"{user}-{number}"
            outcomes.append(await ledger.consume(reference, user, "google:chat", timeout=TIMEOUT))

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return outcomes


def consume_in_threads(
    client: ScripClient, user: str, total: int, at: Callable[[int], None]
) -> list[Outcome]:
    """Consume `total` times in 16 threads, and call `at` before each consumption."""
    numbers = count()

    def work(_: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while (number := next(numbers)) < total:
            at(number)
            reference = f"{user}-{number}"
            outcomes.append(client.consume(reference, user, "google:chat", timeout=TIMEOUT))
        return outcomes

    with ThreadPoolExecutor(WORKERS) as pool:
        return [outcome for part in pool.map(work, range(WORKERS)) for outcome in part]


def check_applied(
    test: TestCase, balance: BalanceResult, total: int, outcomes: list[Outcome]
) -> None:
    """Check that each of `total` consumptions was applied, and none twice."""
    test.assertEqual({outcome["status"] for outcome in outcomes}, {"completed"})
    test.assertEqual(len({outcome["referenceId"] for outcome in outcomes}), total)
    test.assertEqual(balance["balance"], START - PRICE * total)
