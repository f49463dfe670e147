"""The HTTP API without I/O: generators that yield requests and pauses.

A driver sends each request and passes the response back. So the synchronous and the asyncio client
repeat, wait and fail in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from .body import command_body, label, to_json
from .deadline import Deadline, backoff
from .errors import ProblemError, UnansweredError, UnreachableError
from .options import Options, Retry

# Problems of the transfer or of the moment. Carrying the request out again changes nothing.
RETRYABLE = frozenset(("incomplete_body", "request_timeout", "rate_limited"))
# The seconds that one attempt waits for an outcome.
WAIT = 10


@dataclass(frozen=True)
class Request:
    """One attempt of a request."""

    what: str
    path: str
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    # The seconds that the server may wait for an outcome.
    wait: int = 0
    # The time limit of this attempt in seconds.
    timeout: float = 0.0

    @property
    def method(self) -> str:
        """A request with a body is a POST."""
        return "GET" if self.content is None else "POST"


@dataclass(frozen=True)
class Pause:
    """A delay before the next attempt."""

    seconds: float


@dataclass(frozen=True)
class Response:
    """What a driver received."""

    status: int
    text: str
    retry_after: str | None = None


T = TypeVar("T")
# A driver sends a response, the error of the connection, or None after a pause.
Steps = Generator["Request | Pause", "Response | Exception | None", T]


@dataclass(frozen=True)
class Protocol:
    """The requests of a client with these limits."""

    timeout: float = 30.0
    attempt_timeout: float = 10.0
    retry: Retry = field(default_factory=Retry)

    def send(self, command: Mapping[str, Any], options: Options) -> Steps[Any]:
        """Send a command until its outcome comes."""
        deadline = self._deadline(label(command), options.get("timeout"))
        request = _command_request(command, options)
        rounds = 0
        while True:
            status, body = yield from self._request(
                replace(request, wait=_wait(deadline)), deadline, rounds > 0
            )
            if status == 200:
                return body
            # The queue has it. Sent again under its reference, it is applied once.
            yield from self._pause(rounds, deadline, body)
            rounds += 1

    def publish(self, command: Mapping[str, Any], options: Options) -> Steps[Any]:
        """Send a command until the queue has it."""
        deadline = self._deadline(label(command), options.get("timeout"))
        _, body = yield from self._request(_command_request(command, options), deadline)
        return body

    def batch(
        self, commands: Sequence[Mapping[str, Any]], waits: bool, timeout: float | None
    ) -> Steps[Any]:
        """Send commands in their order."""
        deadline = self._deadline(f"a batch of {len(commands)}", timeout)
        content = to_json({"commands": [command_body(command) for command in commands]})
        wait = _wait(deadline) if waits else 0
        request = Request(deadline.what, "/v1/commands/batch", content, wait=wait)
        _, body = yield from self._request(request, deadline)
        return body["results"]

    def outcome(self, origin: str, reference: str, timeout: float | None) -> Steps[Any]:
        """Read a stored outcome, or None."""
        path = f"/v1/commands/{origin}/{quote(reference, safe='')}"
        try:
            return (yield from self.get("outcome", path, timeout))
        except ProblemError as error:
            if error.code != "outcome_not_found":
                raise
            return None

    def wait(self, receipt: Mapping[str, Any], timeout: float | None) -> Steps[Any]:
        """Wait for a stored outcome."""
        deadline = self._deadline(label(receipt), timeout)
        rounds = 0
        while True:
            left = max(0.001, deadline.left)
            reference = receipt["referenceId"]
            outcome = yield from self.outcome(receipt["origin"], reference, left)
            if outcome is not None:
                return outcome
            yield from self._pause(rounds, deadline, receipt)
            rounds += 1

    def user_token(self, user_id: str, timeout: float | None) -> Steps[Any]:
        """Make a user token."""
        request = Request("user token", f"/v1/users/{quote(user_id, safe='')}/token", b"")
        _, body = yield from self._request(request, self._deadline(request.what, timeout))
        return body

    def query(self, query: Mapping[str, Any], timeout: float | None) -> Steps[Any]:
        """Read the result of a query."""
        return (yield from self.get(query["type"], _path(query), timeout))

    def get(self, what: str, path: str, timeout: float | None) -> Steps[Any]:
        """Read a path."""
        _, body = yield from self._request(Request(what, path), self._deadline(what, timeout))
        return body

    def _deadline(self, what: str, timeout: float | None) -> Deadline:
        return Deadline(what, self.timeout if timeout is None else timeout)

    def _pause(self, rounds: int, deadline: Deadline, receipt: Any) -> Steps[None]:
        """Wait before the next round. Raise if the deadline would pass."""
        delay = min(1.0, backoff(rounds, self.retry))
        if delay >= deadline.left:
            raise UnansweredError(deadline.what, deadline.timeout, receipt)
        yield Pause(delay)

    def _request(
        self, request: Request, deadline: Deadline, is_repeated: bool = False
    ) -> Steps[tuple[int, Any]]:
        """Send a request until the API has answered or the deadline has passed.

        Every request of the API may be repeated, because commands have a reference. An answer of a
        proxy, and a failure of the server, say nothing about the request.
        """
        failures = 0
        while True:
            limit = min(self.attempt_timeout + request.wait, deadline.left)
            response = yield replace(request, timeout=max(0.001, limit))
            after, cause = 0.0, response
            if isinstance(response, Response):
                body = _json(response.text)
                if body is not None and response.status < 300:
                    return response.status, body
                cause = _problem(response.status, body)
                if _is_final(cause):
                    cause.may_be_applied = is_repeated or failures > 0
                    raise cause
                after = _seconds(response.retry_after)
            delay = max(after, backoff(failures, self.retry))
            failures += 1
            if delay >= deadline.left:
                error = UnreachableError(deadline.what, deadline.timeout, cause)
                raise error from (cause if isinstance(cause, Exception) else None)
            yield Pause(delay)


def _command_request(command: Mapping[str, Any], options: Options) -> Request:
    origin, traceparent = options.get("origin"), options.get("traceparent")
    return Request(
        label(command),
        f"/v1/commands?origin={origin}" if origin else "/v1/commands",
        to_json(command_body(command)),
        {"traceparent": traceparent} if traceparent else {},
    )


def _wait(deadline: Deadline) -> int:
    """At least a second. The last one may end before the deadline of the caller."""
    return max(1, min(WAIT, int(deadline.left)))


def _path(query: Mapping[str, Any]) -> str:
    """Return the path of a query, with its parameters."""
    kind = query["type"]
    given = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if name != "type" and value is not None
    }
    path = f"/v1/{kind}"
    if kind not in ("price", "packages", "quote"):
        path = f"/v1/users/{quote(given.pop('userId'), safe='')}/{kind}"
    return f"{path}?{urlencode(given)}" if given else path


def _json(text: str) -> Any:
    """Return an object or a list, or None for what the API does not return."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def _problem(status: int, body: object) -> ProblemError:
    """Return the error that a response describes. One that is not from the API describes none."""
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        detail = f"the response has status {status} and is not from the API; check the address"
        return ProblemError(f"http_{status}", detail, status=status)
    return ProblemError(
        body["code"],
        str(body.get("detail", "without a reason")),
        field=body.get("field"),
        index=body.get("index"),
        status=status,
    )


def _is_final(problem: ProblemError) -> bool:
    """Whether the API refuses the request, now and later."""
    is_of_api = not problem.code.startswith("http_")
    is_failure = problem.status is None or problem.status >= 500
    return is_of_api and not is_failure and problem.code not in RETRYABLE


def _seconds(retry_after: str | None) -> float:
    """Return the delay of a header. One that is a date is ignored."""
    return float(retry_after) if retry_after and retry_after.isdigit() else 0.0
