"""Reserved credits that are captured or released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from .body import to_json
from .errors import ProblemError, ScripError, completed

if TYPE_CHECKING:
    from .generated_types import Outcome
    from .options import Options, Origin

State = Literal["open", "unsettled", "ended"]
# A command, and the state before it.
Begun = tuple[dict[str, Any], State]

# The bytes that the references of captures and of the release add to that of the hold.
SUFFIX_BYTES = 12
MAX_REFERENCE_BYTES = 200 - SUFFIX_BYTES
# The time limit in seconds of a release at the end of a block.
RELEASE_TIMEOUT = 5.0


def check_reference(reference: str) -> None:
    """Raise unless the references that follow from the reference of a hold fit."""
    size = len(reference.encode())
    if size > MAX_REFERENCE_BYTES:
        raise ProblemError(
            "invalid_field",
            f"`referenceId` must have at most {MAX_REFERENCE_BYTES} bytes for a guard, got {size}",
            field="referenceId",
        )


class HoldState:
    """What a guard knows about its hold. The guards of both clients share it."""

    def __init__(self, outcome: Outcome, origin: Origin | None) -> None:
        # The outcome of the `hold`.
        self.outcome = outcome
        # What becomes of a cost beyond the hold. The work was delivered, so by default it is
        # charged as far as possible.
        self.overrun: Literal["spend", "cap", "reject"] | None = "cap"
        # What becomes of a capture whose hold has ended.
        self.late: Literal["consume", "reject"] | None = None
        self._origin = origin
        self._state: State = "open"
        self._captures = 0

    @property
    def reference_id(self) -> str:
        """The reference of the hold."""
        return self.outcome["referenceId"]

    @property
    def held(self) -> int:
        """The credits that were reserved at first."""
        return self.outcome.get("held") or 0

    @property
    def has_ended(self) -> bool:
        """Whether the hold was captured, released or kept."""
        return self._state == "ended"

    def keep(self) -> str:
        """Keep the hold after the guard is gone. Return its reference."""
        self._state = "ended"
        return self.reference_id

    @property
    def _is_open(self) -> bool:
        return self._state == "open"

    def _capture(
        self, quantity: int | None, amount: int | None, final: bool
    ) -> Begun:
        """Return the command and the state before it."""
        return self._begin(
            {
                "type": "capture",
                "referenceId": f"{self.reference_id}:{self._captures + 1}",
                "quantity": quantity,
                "amount": amount,
                "final": None if final else False,
                "overrun": self.overrun,
                "late": self.late,
            }
        )

    def _release(self) -> Begun:
        reference = f"{self.reference_id}:release"
        return self._begin({"type": "release", "referenceId": reference})

    def _begin(self, command: dict[str, Any]) -> Begun:
        if self._state == "ended":
            message = f"the hold {self.reference_id} was captured or released"
            raise ScripError("hold_ended", message)
        about = {"userId": self.outcome["userId"], "hold": self.reference_id}
        to_json(command | about)  # what fails here has sent nothing
        before, self._state = self._state, "unsettled"
        return command | about, before

    def _end(self, command: Mapping[str, Any], outcome: Outcome) -> Outcome:
        """Note the outcome of a capture or release. Raise `RefusedError` for a refused capture."""
        error = outcome.get("error")
        is_capture = command["type"] == "capture"
        is_applied = outcome["status"] == "completed"
        if error and error["code"] == "hold_closed":
            self._state = "ended"
        elif is_applied and command.get("final") is not False:
            self._state = "ended"
        else:
            # A refused capture leaves work that was delivered and not charged.
            self._state = "unsettled" if is_capture and not is_applied else "open"
        if is_capture:
            self._captures += 1
            completed(outcome)
        return outcome

    def _failed(self, error: BaseException, before: State) -> None:
        """Note that a capture or release has no outcome. A problem may say it was not applied."""
        if isinstance(error, ProblemError) and not error.may_be_applied:
            self._state = before

    def _options(self, timeout: float | None) -> Options:
        return {"origin": self._origin, "timeout": timeout}
