"""One connection to the broker: a channel with confirms, and the replies to its requests."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from .deadline import within
from .errors import ProblemError

if TYPE_CHECKING:
    from typing_extensions import Self

DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"
CONNECT_TIMEOUT = 10.0  # seconds


class Session:
    """The requests that are open on one connection. They all fail when it ends."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel) -> None:
        self.connection = connection
        self.channel = channel
        # None in place of a reply: the channel has closed.
        self._waiting: dict[str, asyncio.Future[dict[str, Any] | None]] = {}
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect within a time limit."""
        return await within(cls._open(url), CONNECT_TIMEOUT)

    @classmethod
    async def _open(cls, url: str) -> Self:
        """Connect, and consume direct reply-to: it needs no queue and no permission of its own."""
        connection = await aio_pika.connect(url, timeout=CONNECT_TIMEOUT)
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            session = cls(connection, channel)
            channel.close_callbacks.add(session._on_close)
            replies = await channel.get_queue(DIRECT_REPLY_TO, ensure=False)
            await replies.consume(session._on_reply, no_ack=True)
        except BaseException:
            await connection.close()
            raise
        return session

    @property
    def is_open(self) -> bool:
        """Whether the channel can be used."""
        return self._closing is None and not self.channel.is_closed

    async def close(self) -> None:
        """Close the connection. Open requests fail."""
        self._end()
        if self._closing:
            await asyncio.gather(self._closing, return_exceptions=True)

    def _end(self) -> None:
        """Begin to close the connection. One that is stuck is left alone after a while."""
        self._on_close()
        if self._closing is None:
            closing = within(self.connection.close(), CONNECT_TIMEOUT)
            self._closing = asyncio.ensure_future(closing)
            self._closing.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def publish(self, exchange: str, routing_key: str, message: aio_pika.Message) -> None:
        """Publish and wait for the confirm of the broker."""
        target = await self.channel.get_exchange(exchange, ensure=False)
        await target.publish(message, routing_key, mandatory=True)

    async def request(
        self, exchange: str, routing_key: str, message: aio_pika.Message, limit: float
    ) -> dict[str, Any]:
        """Publish, and wait for the reply if the message names the queue of the replies.

        The confirm and the reply have `limit` seconds each. A broker that does not confirm in time
        may never do so on this channel, so the session ends.
        """
        reply: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        key = str(message.correlation_id)
        self._waiting[key] = reply
        try:
            try:
                await within(self.publish(exchange, routing_key, message), limit)
            except asyncio.TimeoutError as error:
                self._end()
                raise ConnectionError(f"the broker did not confirm within {limit:g} s") from error
            if message.reply_to is None:
                return {}
            body = await within(reply, limit)
        finally:
            del self._waiting[key]
        if body is None:
            raise ConnectionError("the connection was lost before the reply came")
        if body["status"] in ("rejected", "error"):
            problem = body["error"]
            raise ProblemError(problem["code"], problem["message"], field=problem.get("field"))
        return body

    async def _on_reply(self, message: AbstractIncomingMessage) -> None:
        reply = self._waiting.get(message.correlation_id or "")
        if reply and not reply.done():
            reply.set_result(json.loads(message.body))

    def _on_close(self, *_: object) -> None:
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_result(None)
