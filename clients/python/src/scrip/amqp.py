"""A client of the Scrip credit ledger over RabbitMQ, with aio-pika."""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import aio_pika
from aio_pika.exceptions import (
    ChannelClosed,
    ChannelPreconditionFailed,
    ProbableAuthenticationError,
    PublishError,
)
from yarl import URL

from . import generated_types as types
from .amqp_session import DIRECT_REPLY_TO, Session
from .async_ledger import AsyncLedger
from .body import command_body, label, to_json
from .deadline import Deadline, backoff, within
from .errors import ProblemError, ScripError, UnreachableError
from .options import Options, Origin, Retry

if TYPE_CHECKING:
    from typing_extensions import Unpack

BUCKETS = 64
# The commands that go through the exchange `usage` unless the caller names another one.
USAGE = frozenset(("consume", "hold", "capture", "release", "refund"))
# The broker refuses the account or the message: repeating it does not help.
REFUSED = (ProbableAuthenticationError, PublishError)
# The broker closed the channel because of one of the messages on it.
CHANNEL_REFUSED = (ChannelClosed, ChannelPreconditionFailed)


@dataclass(frozen=True)
class Outgoing:
    """A message and where it goes. Repetitions have the same body, so the same reference."""

    exchange: str
    routing_key: str
    body: dict[str, Any]
    content: bytes
    headers: dict[str, Any]


def bucket(user_id: str) -> str:
    """Return the routing key of a user's commands."""
    return str(zlib.crc32(user_id.encode()) % BUCKETS)


class AsyncAmqpClient(AsyncLedger):
    """A client of a ledger over RabbitMQ. Any number of tasks may share one.

    It opens one connection when it is needed first, and again when it is lost.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "credits",
        timeout: float = 30.0,
        attempt_timeout: float = 10.0,
        retry: Retry | None = None,
    ) -> None:
        """Make a client. `timeout` is in seconds, all attempts of a request included.

        `attempt_timeout` is the limit of each confirm and of each reply, before the request is
        published again.
        """
        self._url = url
        self._user = _user_of(url)
        self._attempt_timeout = attempt_timeout
        self._alone = asyncio.Lock()
        self._namespace = namespace
        self._timeout = timeout
        self._retry = retry or Retry()
        self._session: Session | None = None
        self._connecting = asyncio.Lock()

    async def close(self) -> None:
        """Close the connection. The next request opens a new one."""
        if self._session:
            await self._session.close()

    async def send(
        self, command: types.Command | Mapping[str, Any], **options: Unpack[Options]
    ) -> types.Outcome:
        """Send any command and wait for its outcome. A refusal is an outcome."""
        reply = await self._send_command(command, True, options)
        return cast(types.Outcome, reply)

    async def publish(
        self, command: types.Command | Mapping[str, Any], **options: Unpack[Options]
    ) -> types.Receipt:
        """Send a command. Return when the broker has confirmed it."""
        await self._send_command(command, False, options)
        return _receipt(command, options)

    async def publish_all(
        self, commands: Sequence[types.Command | Mapping[str, Any]], timeout: float | None = None
    ) -> list[types.Receipt]:
        """Send commands in their order. Return when the broker has confirmed all of them.

        After a lost connection they are sent again from the first one that was not confirmed.
        """
        deadline = self._deadline(f"a batch of {len(commands)}", timeout)
        await self._request([self._command(one, {}) for one in commands], False, deadline)
        return [_receipt(command, {}) for command in commands]

    async def query(self, query: Mapping[str, Any], timeout: float | None = None) -> object:
        """Send any query and return its result."""
        body = {name: value for name, value in query.items() if value is not None}
        deadline = self._deadline(str(query["type"]), timeout)
        message = self._outgoing("queries", "query", body, {})
        (reply,) = await self._request([message], True, deadline)
        return reply.get("result")

    async def _send_command(
        self, command: Mapping[str, Any], waits: bool, options: Options
    ) -> dict[str, Any]:
        deadline = self._deadline(label(command), options.get("timeout"))
        (reply,) = await self._request([self._command(command, options)], waits, deadline)
        return reply

    def _command(self, command: Mapping[str, Any], options: Options) -> Outgoing:
        traceparent = options.get("traceparent")
        headers = {"traceparent": traceparent} if traceparent else {}
        origin = options.get("origin") or _origin(command)
        return self._outgoing(origin, bucket(command["userId"]), command_body(command), headers)

    def _outgoing(
        self, exchange: str, routing_key: str, body: dict[str, Any], headers: dict[str, Any]
    ) -> Outgoing:
        target = f"{self._namespace}.{exchange}"
        return Outgoing(target, routing_key, body, to_json(body), headers)

    def _deadline(self, what: str, timeout: float | None) -> Deadline:
        return Deadline(what, self._timeout if timeout is None else timeout)

    async def _request(
        self, messages: list[Outgoing], waits: bool, deadline: Deadline
    ) -> list[dict[str, Any]]:
        """Publish messages in their order until all are answered.

        Each attempt begins with the first message that has no answer.
        """
        answers: list[dict[str, Any]] = []
        cause: BaseException | None = None
        is_alone = False
        failures = 0
        while deadline.left > 0:
            rest = messages[len(answers) :]
            try:
                if is_alone:
                    await within(self._publish_alone(rest), deadline.left)
                session = await within(self._connected(), deadline.left)
                sent = [self._attempt(session, message, waits) for message in rest]
                results = asyncio.gather(*sent, return_exceptions=True)
                for result in await within(results, deadline.left):
                    if isinstance(result, BaseException):
                        raise result
                    answers.append(result)
                return answers
            except ScripError as error:
                if isinstance(error, ProblemError):
                    error.may_be_applied = failures > 0
                raise
            except REFUSED as error:
                raise _refused(error, failures) from error
            except CHANNEL_REFUSED as error:
                cause, is_alone = error, True
            except Exception as error:  # aiormq raises many types for a lost connection
                cause, is_alone = error, False
            await asyncio.sleep(min(backoff(failures, self._retry), deadline.left))
            failures += 1
        raise UnreachableError(deadline.what, deadline.timeout, cause) from cause

    async def _attempt(self, session: Session, one: Outgoing, waits: bool) -> dict[str, Any]:
        message = self._message(one, waits)
        limit = self._attempt_timeout
        try:
            return await session.request(one.exchange, one.routing_key, message, limit)
        except asyncio.CancelledError as error:
            if session.is_open:
                raise
            # aiormq cancels what waits on a channel that closes.
            raise ConnectionError("the connection was lost") from error

    async def _publish_alone(self, messages: list[Outgoing]) -> None:
        """Publish messages one by one on a connection of their own, one request after the other.

        So the broker refuses the one that it means.
        """
        async with self._alone:
            session = await Session.open(self._url)
            try:
                for message in messages:
                    await self._attempt(session, message, False)
            except CHANNEL_REFUSED as error:
                raise _refused(error, 0) from error
            finally:
                await session.close()

    def _message(self, one: Outgoing, waits: bool) -> aio_pika.Message:
        return aio_pika.Message(
            one.content,
            headers=one.headers,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=one.body.get("referenceId"),
            type=str(one.body["type"]),
            reply_to=DIRECT_REPLY_TO if waits else None,
            correlation_id=uuid.uuid4().hex,
            user_id=self._user,  # the broker verifies it, the ledger records it
        )

    async def _connected(self) -> Session:
        """Return the open session, or open a new one."""
        async with self._connecting:
            if self._session is None or not self._session.is_open:
                await self.close()
                self._session = await Session.open(self._url)
            return self._session


def _origin(command: Mapping[str, Any]) -> Origin:
    return "usage" if command["type"] in USAGE else "funding"


def _receipt(command: Mapping[str, Any], options: Options) -> types.Receipt:
    return {
        "referenceId": str(command["referenceId"]),
        "type": str(command["type"]),
        "userId": str(command["userId"]),
        "origin": options.get("origin") or _origin(command),
        "status": "accepted",
    }


def _refused(error: BaseException, failures: int) -> ProblemError:
    problem = ProblemError("broker_refused", str(error) or repr(error))
    problem.may_be_applied = failures > 0
    return problem


def _user_of(url: str) -> str | None:
    """Return the account in a URL. The error does not show the URL, because it has a password."""
    try:
        parsed = URL(url)
        parsed.explicit_port  # noqa: B018 # it is checked when it is read
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("amqp", "amqps") or not parsed.host:
        raise ProblemError(
            "invalid_field",
            "`url` must be like amqp://USER:PASSWORD@HOST:5672/%2f; percent-encode special "
            "characters of the user and the password",
            field="url",
        )
    return parsed.user
