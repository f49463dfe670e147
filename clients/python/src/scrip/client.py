"""The synchronous client over the HTTP API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from . import generated_types as types
from .errors import ProblemError, ScripError, completed
from .generated_commands import Commands
from .hold import RELEASE_TIMEOUT, Begun, HoldState, check_reference
from .options import Options, Origin, Retry
from .protocol import Pause, Protocol, Request, Response, Steps

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

T = TypeVar("T")


def headers_of(request: Request, token: str) -> dict[str, str]:
    """Return the headers of a request."""
    headers = {"authorization": f"Bearer {token}", **request.headers}
    if request.wait:
        headers["prefer"] = f"wait={request.wait}"
    if request.content is not None:
        headers["content-type"] = "application/json"
    return headers


def response_of(response: httpx.Response, content: bytes) -> Response:
    """Return what the protocol needs of a response."""
    text = content.decode(errors="replace")
    return Response(response.status_code, text, response.headers.get("retry-after"))


def checked_url(url: str) -> str:
    """Return an address without the last slash. The error does not show a password in it."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        detail = "`url` must be like http://127.0.0.1:8080, without a user and a password"
        raise ProblemError("invalid_field", detail, field="url")
    return url.rstrip("/")


def checked_token(token: str) -> str:
    """Return a token without white space around it. The error does not show it."""
    trimmed = token.strip()
    if not trimmed or any(not "!" <= letter <= "~" for letter in trimmed):
        raise ProblemError(
            "invalid_field",
            "`token` must be one word of visible ASCII characters, as `scrip token create` prints",
            field="token",
        )
    return trimmed


class ScripClient(Commands[types.Outcome]):
    """A client of a ledger over HTTP.

    Any number of threads may share one. A refusal is an outcome with the status `failed`, not an
    exception. After a lost connection a command is sent again under its reference.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 30.0,
        attempt_timeout: float = 10.0,
        retry: Retry | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        """Make a client. `timeout` is in seconds, all attempts of a request included."""
        self._url = checked_url(url)
        self._token = checked_token(token)
        self._protocol = Protocol(timeout, attempt_timeout, retry or Retry())
        self._http = http or httpx.Client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self, command: types.Command | Mapping[str, Any], **options: Unpack[Options]
    ) -> types.Outcome:
        """Send any command and wait for its outcome."""
        return cast(types.Outcome, self._run(self._protocol.send(command, options)))

    def publish(
        self, command: types.Command | Mapping[str, Any], **options: Unpack[Options]
    ) -> types.Receipt:
        """Send a command. Return when the queue has it, before the outcome is known."""
        return cast(types.Receipt, self._run(self._protocol.publish(command, options)))

    def publish_all(
        self, commands: Sequence[types.Command | Mapping[str, Any]], timeout: float | None = None
    ) -> list[types.Receipt]:
        """Send up to 1,000 commands in their order. Return when the queue has all of them."""
        results = self._run(self._protocol.batch(commands, False, timeout))
        return cast("list[types.Receipt]", results)

    def send_all(
        self, commands: Sequence[types.Command | Mapping[str, Any]], timeout: float | None = None
    ) -> list[types.Outcome | types.Receipt]:
        """Send up to 1,000 commands in their order and wait for their outcomes.

        A command without an outcome in time has a receipt with the status `accepted`; one that the
        worker does not accept has one with the status `rejected` and an `error`.
        """
        results = self._run(self._protocol.batch(commands, True, timeout))
        return cast("list[types.Outcome | types.Receipt]", results)

    def hold(
        self,
        reference_id: str,
        user_id: str,
        service: str,
        *,
        quantity: int | None = None,
        amount: int | None = None,
        expires_in_seconds: int | None = None,
        expires_at: str | None = None,
        **options: Unpack[Options],
    ) -> HoldGuard:
        """Reserve credits. Return a guard, or raise `RefusedError`."""
        check_reference(reference_id)
        fields = hold_fields(
            reference_id, user_id, service, quantity, amount, expires_in_seconds, expires_at
        )
        outcome = completed(self._send_fields("hold", fields, options))
        return HoldGuard(self, outcome, options.get("origin"))

    def outcome(
        self, origin: Origin, reference_id: str, timeout: float | None = None
    ) -> types.Outcome | None:
        """Return the stored outcome of a command, or None if there is none (yet)."""
        steps = self._protocol.outcome(origin, reference_id, timeout)
        return cast("types.Outcome | None", self._run(steps))

    def wait(self, receipt: types.Receipt, timeout: float | None = None) -> types.Outcome:
        """Wait for the stored outcome of a published command.

        A refusal by the configuration, such as `unknown_service`, is not stored: send the command
        again to learn of it.
        """
        return cast(types.Outcome, self._run(self._protocol.wait(receipt, timeout)))

    def user_token(self, user_id: str, timeout: float | None = None) -> types.UserToken:
        """Make a token by which a browser reads what belongs to the user."""
        return cast(types.UserToken, self._run(self._protocol.user_token(user_id, timeout)))

    def balance(self, user_id: str, timeout: float | None = None) -> types.BalanceResult:
        """Return what a user has."""
        result = self._query({"type": "balance", "userId": user_id}, timeout)
        return cast(types.BalanceResult, result)

    def batches(
        self, user_id: str, *, all: bool = False, timeout: float | None = None
    ) -> types.BatchesResult:
        """Return batches in the order in which they are spent; with `all` also those used up."""
        query = {"type": "batches", "userId": user_id, "all": all or None}
        return cast(types.BatchesResult, self._query(query, timeout))

    def holds(
        self, user_id: str, *, all: bool = False, timeout: float | None = None
    ) -> types.HoldsResult:
        """Return holds, the first to end first; with `all` also those that have ended."""
        query = {"type": "holds", "userId": user_id, "all": all or None}
        return cast(types.HoldsResult, self._query(query, timeout))

    def transactions(
        self,
        user_id: str,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        page_index: int | None = None,
        timeout: float | None = None,
    ) -> types.TransactionsResult:
        """Return a page of transactions, the newest first."""
        page = {"pageSize": page_size, "cursor": cursor, "pageIndex": page_index}
        query = {"type": "transactions", "userId": user_id, **page}
        return cast(types.TransactionsResult, self._query(query, timeout))

    def price(
        self, service: str, quantity: int | None = None, timeout: float | None = None
    ) -> types.PriceResult:
        """Return what units of a service cost."""
        query = {"type": "price", "service": service, "quantity": quantity}
        return cast(types.PriceResult, self._query(query, timeout))

    def packages(self, timeout: float | None = None) -> types.PackagesResult:
        """Return the packages for sale."""
        return cast(types.PackagesResult, self._query({"type": "packages"}, timeout))

    def quote(
        self,
        user_id: str,
        service: str,
        *,
        quantity: int | None = None,
        amount: int | None = None,
        timeout: float | None = None,
    ) -> types.QuoteResult:
        """Return what a `consume` or a `hold` would cost and use now. Nothing is reserved."""
        cost = {"quantity": quantity, "amount": amount}
        query = {"type": "quote", "userId": user_id, "service": service, **cost}
        return cast(types.QuoteResult, self._query(query, timeout))

    def _send_fields(self, kind: str, fields: dict[str, Any], options: Options) -> types.Outcome:
        return self.send({"type": kind, **fields}, **options)

    def _query(self, query: Mapping[str, Any], timeout: float | None) -> object:
        return self._run(self._protocol.query(query, timeout))

    def _run(self, steps: Steps[T]) -> T:
        """Carry out the steps of a request."""
        result: Response | Exception | None = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as stop:
                return cast(T, stop.value)
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                result = None
            else:
                result = self._attempt(step)

    def _attempt(self, request: Request) -> Response | Exception:
        end = time.monotonic() + request.timeout
        content = bytearray()
        try:
            with self._http.stream(
                request.method,
                self._url + request.path,
                content=request.content,
                headers=headers_of(request, self._token),
                timeout=request.timeout,
            ) as response:
                for part in response.iter_bytes():
                    content += part
                    if time.monotonic() > end:
                        return httpx.ReadTimeout("the response took too long")
        except (httpx.TransportError, httpx.DecodingError) as error:
            return error
        return response_of(response, bytes(content))


def hold_fields(
    reference_id: str,
    user_id: str,
    service: str,
    quantity: int | None,
    amount: int | None,
    expires_in_seconds: int | None,
    expires_at: str | None,
) -> dict[str, Any]:
    """Return the fields of a `hold`."""
    return {
        "referenceId": reference_id,
        "userId": user_id,
        "service": service,
        "quantity": quantity,
        "amount": amount,
        "expiresInSeconds": expires_in_seconds,
        "expiresAt": expires_at,
    }


class HoldGuard(HoldState):
    """Credits that are reserved for one piece of work.

    The references of its commands follow from that of the hold: `{hold}:1`, `{hold}:2` and so on
    for captures, and `{hold}:release`. Leaving its `with` block releases what was not captured.
    """

    def __init__(self, client: ScripClient, outcome: types.Outcome, origin: Origin | None) -> None:
        super().__init__(outcome, origin)
        self._client = client
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Release an open hold. Errors are ignored, because the hold ends by time.

        A hold whose last capture was refused or has no outcome stays.
        """
        if self._is_open:
            try:
                self.release(RELEASE_TIMEOUT)
            except ScripError:
                pass

    def capture(
        self,
        *,
        quantity: int | None = None,
        amount: int | None = None,
        timeout: float | None = None,
    ) -> types.Outcome:
        """Charge the work, or without a number all that is reserved, and end the hold.

        Raise `RefusedError` if the ledger refuses: then the hold still reserves its credits, and
        the guard does not release it, because the work was delivered. After another error the
        capture may be applied: call this again with the same arguments.
        """
        return self._send(lambda: self._capture(quantity, amount, True), timeout)

    def capture_step(
        self,
        *,
        quantity: int | None = None,
        amount: int | None = None,
        timeout: float | None = None,
    ) -> types.Outcome:
        """Charge a part of the work and keep the rest reserved. Raise as `capture` does."""
        return self._send(lambda: self._capture(quantity, amount, False), timeout)

    def release(self, timeout: float | None = None) -> types.Outcome:
        """End the hold without a charge."""
        return self._send(self._release, timeout)

    def _send(self, begin: Callable[[], Begun], timeout: float | None) -> types.Outcome:
        """Send a command after those before it have ended: its reference is the next one."""
        with self._turn:
            command, before = begin()
            try:
                outcome = self._client.send(command, **self._options(timeout))
            except BaseException as error:
                self._failed(error, before)
                raise
            return self._end(command, outcome)
