"""Register a user, sell credits, charge a chat, and survive a lost connection.

usage: python example.py USER
"""

import asyncio
import os
import sys

from scrip_client import Outcome, ScripClient

AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f")
# The account that may add credits. An account that only spends cannot.
BRIDGE_AMQP_URL = os.environ.get("BRIDGE_AMQP_URL", AMQP_URL)
NAMESPACE = os.environ.get("SCRIP_NAMESPACE", "credits")


def describe(outcome: Outcome) -> str:
    """Describe an outcome in one line."""
    if "error" in outcome:
        error = outcome["error"]
        if error["code"] == "insufficient_credits":
            needs = f"{error['required']} required, {error['available']} available"
            return f"refused, insufficient_credits, {needs}"
        return f"refused, {error['code']}"
    replayed = ", replayed" if outcome["replayed"] else ""
    return f"completed, {outcome['amount']:+d} credits, balance {outcome['balance']}{replayed}"


async def main(user: str) -> None:
    """Run every step and print one line for each."""
    async with (
        ScripClient(BRIDGE_AMQP_URL, NAMESPACE) as bridge,
        ScripClient(AMQP_URL, NAMESPACE) as app,
    ):
        outcome = await bridge.register(f"signup-{user}", user)
        print(f"1. register: {describe(outcome)}")

        outcome = await bridge.purchase(f"pi-{user}", user, "lite", "9.99", "USD")
        print(f"2. buy lite: {describe(outcome)}")

        outcome = await app.consume(f"chat-{user}", user, "google:chat")
        print(f"3. charge a chat: {describe(outcome)}")

        # The same reference names the same charge: the stored outcome comes back.
        outcome = await app.consume(f"chat-{user}", user, "google:chat")
        print(f"4. charge it again: {describe(outcome)}")

        outcome = await app.consume(f"images-{user}", user, "google:image", 100)
        print(f"5. charge 100 images: {describe(outcome)}")

        # The connection ends while the charge is on its way. The client reconnects and resends it.
        charging = asyncio.create_task(app.consume(f"image-{user}", user, "google:image"))
        await asyncio.sleep(0)
        await app.close()
        outcome = await charging
        print(f"6. lose the connection: {outcome['status']}, balance {outcome['balance']}")

        balance = await app.balance(user)
        print(f"7. balance: {balance['availableCredits']} available")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))
