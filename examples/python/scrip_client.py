"""A client of the Scrip credit ledger over RabbitMQ.

The client publishes a command, waits for the broker's confirm, and returns the ledger's outcome.
After a lost connection it reconnects and publishes the same command again under the same reference.
The ledger applies the command once, and every copy gets the same outcome.
"""

import asyncio
import json
import uuid
import zlib
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, Self, TypedDict, cast

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelClosed, PublishError
from yarl import URL

DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"
CONNECT_TIMEOUT = 10.0  # seconds
RETRY_DELAY = 0.5  # seconds
USAGE = ("consume", "hold", "capture", "release")  # the commands of apps


class Refusal(TypedDict):
    """Why the ledger refused a command."""

    code: str
    message: str
    required: NotRequired[int]
    available: NotRequired[int]


class Outcome(TypedDict):
    """What became of a command. Fields that do not apply are absent."""

    referenceId: str
    type: str
    userId: str
    status: Literal["completed", "failed"]
    replayed: bool
    amount: NotRequired[int]
    balance: NotRequired[int]
    available: NotRequired[int]
    held: NotRequired[int]
    holdExpiresAt: NotRequired[str]
    uncaptured: NotRequired[int]
    repaid: NotRequired[int]
    debt: NotRequired[int]
    error: NotRequired[Refusal]


class ScripError(Exception):
    """The ledger could not understand a message, or a query has no result."""

    def __init__(self, error: dict[str, str]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]


def bucket(user_id: str) -> str:
    """Return the routing key of a user's commands: CRC-32 of the id in UTF-8, modulo 64."""
    return str(zlib.crc32(user_id.encode()) % 64)


def _present(**fields: int | str | None) -> dict[str, int | str]:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


class _Session:
    """One connection, its channel, and the requests that wait for a reply on it."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel) -> None:
        self.connection = connection
        self.channel = channel
        # None in place of a reply: the channel has closed.
        self.waiting: dict[str, asyncio.Future[dict[str, Any] | None]] = {}

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect, and consume direct reply-to: it needs no queue and no permission of its own."""
        connection = await aio_pika.connect(url, timeout=CONNECT_TIMEOUT)
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            session = cls(connection, channel)
            channel.close_callbacks.add(session.on_close)
            replies = await channel.get_queue(DIRECT_REPLY_TO, ensure=False)
            await replies.consume(session.on_reply, no_ack=True)
        except BaseException:
            await connection.close()
            raise
        return session

    async def request(
        self, exchange: str, routing_key: str, message: aio_pika.Message
    ) -> dict[str, Any]:
        """Publish on the channel that consumes the replies, and wait for the reply."""
        reply: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        key = str(message.correlation_id)
        self.waiting[key] = reply
        try:
            target = await self.channel.get_exchange(exchange, ensure=False)
            await target.publish(message, routing_key, mandatory=True)
            body = await reply
        finally:
            del self.waiting[key]
        if body is None:
            raise ConnectionError("the connection was lost before the reply came")
        if body["status"] in ("rejected", "error"):
            raise ScripError(body["error"])
        return body

    async def on_reply(self, message: AbstractIncomingMessage) -> None:
        """Hand a reply to the request that waits for it."""
        reply = self.waiting.get(message.correlation_id or "")
        if reply and not reply.done():
            reply.set_result(json.loads(message.body))

    def on_close(self, *_: object) -> None:
        """End the requests that wait: their replies cannot arrive on a closed channel."""
        for reply in self.waiting.values():
            if not reply.done():
                reply.set_result(None)


class ScripClient:
    """Sends commands and queries. Use it as an async context manager, or call `close()`."""

    def __init__(self, url: str, namespace: str = "credits", timeout: float = 30.0) -> None:
        self._url = url
        self._namespace = namespace
        self._timeout = timeout
        self._session: _Session | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._connected()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection. The next request opens a new one."""
        if self._session:
            await self._session.connection.close()

    async def consume(
        self, reference: str, user: str, service: str, quantity: int | None = None
    ) -> Outcome:
        """Charge a user for units of a service, by default for one.

        An absent quantity is other content than 1: send a command again with the same arguments.
        """
        return await self.send(
            {"type": "consume", "referenceId": reference, "userId": user, "service": service}
            | _present(quantity=quantity)
        )

    async def register(self, reference: str, user: str) -> Outcome:
        """Open a user's wallet with the registration bonus."""
        return await self.send(
            {"type": "grant", "referenceId": reference, "userId": user}
            | {"reason": "registration_bonus"}
        )

    async def purchase(
        self,
        payment: str,
        user: str,
        package: str,
        amount_paid: str | None = None,
        currency: str | None = None,
    ) -> Outcome:
        """Credit a payment. Its id is the reference, so that no payment is credited twice.

        Name what was paid, such as "9.99" and "USD": reports have no other source for it.
        """
        return await self.send(
            {"type": "purchase", "referenceId": payment, "userId": user}
            | {"purchaseId": payment, "packageId": package}
            | _present(amountPaid=amount_paid, currency=currency)
        )

    async def send(self, command: dict[str, Any]) -> Outcome:
        """Send any command and return its outcome. A refusal is an outcome, not an exception."""
        body = {"occurredAt": datetime.now(UTC).isoformat(), **command}
        exchange = "usage" if command["type"] in USAGE else "funding"
        return cast(Outcome, await self._request(exchange, bucket(command["userId"]), body))

    async def balance(self, user: str) -> dict[str, Any]:
        """Return what a user has."""
        return await self.query({"type": "balance", "userId": user})

    async def query(self, query: dict[str, Any]) -> dict[str, Any]:
        """Send any query and return its result."""
        reply = await self._request("queries", "query", query)
        return cast(dict[str, Any], reply["result"])

    async def _request(
        self, exchange: str, routing_key: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        """Send until a reply comes. Each attempt has the same body, so the same reference."""
        data = json.dumps(body).encode()
        target = f"{self._namespace}.{exchange}"
        cause: Exception | None = None
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    try:
                        session = await self._connected()
                        return await session.request(target, routing_key, self._message(body, data))
                    except (ScripError, ChannelClosed, PublishError):
                        raise  # not understood, or an exchange, a queue or a permission is missing
                    except Exception as error:  # aiormq raises many types for a lost connection
                        cause = error
                    await asyncio.sleep(RETRY_DELAY)
        except TimeoutError:
            what = body.get("referenceId", body["type"])
            raise TimeoutError(
                f"no reply to {what} within {self._timeout} s; a command may still be applied: "
                "send it again under the same reference"
            ) from cause

    def _message(self, body: dict[str, Any], data: bytes) -> aio_pika.Message:
        return aio_pika.Message(
            data,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=body.get("referenceId"),
            type=body["type"],
            reply_to=DIRECT_REPLY_TO,
            correlation_id=uuid.uuid4().hex,
            user_id=URL(self._url).user,  # the broker verifies it, the ledger records it
        )

    async def _connected(self) -> _Session:
        """Return the open session, or open a new one."""
        async with self._connecting:
            if self._session is None or self._session.channel.is_closed:
                await self.close()
                self._session = await _Session.open(self._url)
            return self._session
