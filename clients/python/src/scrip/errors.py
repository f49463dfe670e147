"""The errors of the client. Each is a `ScripError` with a `code` for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .generated_types import Outcome, Receipt


class ScripError(Exception):
    """Any error of this client."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProblemError(ScripError):
    """The request is wrong: the server or the ledger cannot understand or does not allow it.

    `field` names the field, parameter or header that is wrong, `index` the command of a batch from
    0, and `status` is that of the HTTP response. `may_be_applied` says that an earlier attempt of
    the same command had no answer.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        index: int | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(code, f"{code}: {detail}")
        self.detail = detail
        self.field = field
        self.index = index
        self.status = status
        self.may_be_applied = False


class RefusedError(ScripError):
    """The ledger refused a command whose caller needs it to complete, such as a hold of a guard."""

    def __init__(self, outcome: Outcome) -> None:
        error = outcome.get("error")
        code = error["code"] if error else "unknown"
        message = error["message"] if error else "without a reason"
        super().__init__(code, f"{outcome['type']} {outcome['referenceId']} was refused: {message}")
        self.outcome = outcome


class UnreachableError(ScripError):
    """The server did not answer, or could not take the request, within the time limit.

    A command may have arrived: send it again under the same reference. `__cause__` is the last
    failure.
    """

    def __init__(self, what: str, timeout: float, cause: object = None) -> None:
        last = f" ({cause})" if isinstance(cause, ScripError) else ""
        super().__init__(
            "unreachable",
            f"no answer to {what} within {timeout:g} s{last}; a command may have arrived: send it "
            "again under the same reference",
        )


class UnansweredError(ScripError):
    """The queue has the command, but its outcome did not come within the time limit."""

    def __init__(self, what: str, timeout: float, receipt: Receipt) -> None:
        super().__init__(
            "unanswered", f"{what} is in the queue, but has no outcome after {timeout:g} s"
        )
        self.receipt = receipt


def completed(outcome: Outcome) -> Outcome:
    """Return the outcome of a completed command. Raise `RefusedError` for a refused one."""
    if outcome["status"] == "failed":
        raise RefusedError(outcome)
    return outcome
