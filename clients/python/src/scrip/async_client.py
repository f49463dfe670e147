"""The asyncio client over the HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from . import generated_types as types
from .async_ledger import AsyncLedger
from .client import checked_token, checked_url, headers_of, response_of
from .deadline import within
from .options import Options, Origin, Retry
from .protocol import Pause, Protocol, Request, Response, Steps

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class AsyncScripClient(AsyncLedger):
    """A client of a ledger over HTTP. Any number of tasks may share one.

    Cancelling a task ends its request. A command that was sent may be applied all the same.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 30.0,
        attempt_timeout: float = 10.0,
        retry: Retry | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Make a client. `timeout` is in seconds, all attempts of a request included."""
        self._url = checked_url(url)
        self._token = checked_token(token)
        self._protocol = Protocol(timeout, attempt_timeout, retry or Retry())
        self._http = http or httpx.AsyncClient()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(
        self, command: types.Command | Mapping[str, Any], **options: Unpack[Options]
    ) -> types.Outcome:
        """Send any command and wait for its outcome. A refusal is an outcome."""
        return cast(types.Outcome, await self._run(self._protocol.send(command, options)))

    async def publish(
        self, command: types.Command | Mapping[str, Any], **options: Unpack[Options]
    ) -> types.Receipt:
        """Send a command. Return when the queue has it, before the outcome is known."""
        return cast(types.Receipt, await self._run(self._protocol.publish(command, options)))

    async def publish_all(
        self, commands: Sequence[types.Command | Mapping[str, Any]], timeout: float | None = None
    ) -> list[types.Receipt]:
        """Send up to 1,000 commands in their order. Return when the queue has all of them."""
        results = await self._run(self._protocol.batch(commands, False, timeout))
        return cast("list[types.Receipt]", results)

    async def send_all(
        self, commands: Sequence[types.Command | Mapping[str, Any]], timeout: float | None = None
    ) -> list[types.Outcome | types.Receipt]:
        """Send up to 1,000 commands in their order and wait for their outcomes.

        A command without an outcome in time has a receipt with the status `accepted`; one that the
        worker does not accept has one with the status `rejected` and an `error`.
        """
        results = await self._run(self._protocol.batch(commands, True, timeout))
        return cast("list[types.Outcome | types.Receipt]", results)

    async def outcome(
        self, origin: Origin, reference_id: str, timeout: float | None = None
    ) -> types.Outcome | None:
        """Return the stored outcome of a command, or None if there is none (yet)."""
        steps = self._protocol.outcome(origin, reference_id, timeout)
        return cast("types.Outcome | None", await self._run(steps))

    async def wait(self, receipt: types.Receipt, timeout: float | None = None) -> types.Outcome:
        """Wait for the stored outcome of a published command.

        A refusal by the configuration, such as `unknown_service`, is not stored: send the command
        again to learn of it.
        """
        return cast(types.Outcome, await self._run(self._protocol.wait(receipt, timeout)))

    async def user_token(self, user_id: str, timeout: float | None = None) -> types.UserToken:
        """Make a token by which a browser reads what belongs to the user."""
        return cast(types.UserToken, await self._run(self._protocol.user_token(user_id, timeout)))

    async def query(self, query: Mapping[str, Any], timeout: float | None = None) -> object:
        """Send any query and return its result."""
        return await self._run(self._protocol.query(query, timeout))

    async def _run(self, steps: Steps[T]) -> T:
        """Carry out the steps of a request."""
        result: Response | Exception | None = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as stop:
                return cast(T, stop.value)
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                result = None
            else:
                result = await self._attempt(step)

    async def _attempt(self, request: Request) -> Response | Exception:
        attempt = self._http.request(
            request.method,
            self._url + request.path,
            content=request.content,
            headers=headers_of(request, self._token),
            timeout=request.timeout,
        )
        try:
            response = await within(attempt, request.timeout)
        except (httpx.TransportError, httpx.DecodingError, asyncio.TimeoutError) as error:
            return error
        return response_of(response, response.content)
