"""How calls of a model are charged: what is held, and what is captured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

from ..errors import completed

if TYPE_CHECKING:
    from ..async_ledger import AsyncHoldGuard, AsyncLedger
    from ..client import HoldGuard, ScripClient
    from ..generated_types import Outcome

# The bytes of a token, for a rough count.
BYTES_PER_TOKEN = 4


def rough_tokens(text: str) -> int:
    """Return a rough number of tokens: one for each started four bytes."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def content_text(content: object) -> str:
    """Return the texts of the content of a message.

    Files are not counted: their size says nothing about tokens.
    """
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return str(content.get("text") or "")
    if isinstance(content, Iterable):
        return "".join(content_text(part) for part in content)
    return ""


@dataclass(frozen=True)
class MeterOptions:
    """What calls of a model cost.

    `service` is one whose price is that of a token, such as `llm:tokens`. A call that names no
    limit answers with at most `max_output_tokens`.
    """

    service: str
    max_output_tokens: int
    # The end of each hold in seconds.
    expires_in_seconds: int = 300
    # What becomes of a cost beyond the hold.
    overrun: Literal["spend", "cap", "reject"] = "cap"
    # Counts the tokens of a text.
    count_tokens: Callable[[str], int] = rough_tokens


class Usage:
    """The usage of one call.

    That is what the model reports. Without a report it is a count of the prompt and of what was
    delivered, or nothing if nothing was delivered.
    """

    def __init__(self, options: MeterOptions, prompt: str, max_output_tokens: int | None) -> None:
        self._options = options
        self._input = options.count_tokens(prompt)
        self._delivered: list[str] = []
        self._limit = max_output_tokens or options.max_output_tokens
        # The tokens that the model reports.
        self.reported: int | None = None

    @property
    def most(self) -> int:
        """The most tokens that the call can use."""
        return max(1, self._input + self._limit)

    def deliver(self, text: str | None) -> None:
        """Note a part of the answer."""
        if text:
            self._delivered.append(text)

    @property
    def tokens(self) -> int:
        """The tokens to charge."""
        if self.reported is not None:
            return self.reported
        if not self._delivered:
            return 0
        return self._input + self._options.count_tokens("".join(self._delivered))

    def hold(self, scrip: ScripClient, reference_id: str, user_id: str) -> HoldGuard:
        """Hold credits for the most tokens that the call can use."""
        hold = scrip.hold(reference_id, user_id, **self._hold_options())
        hold.overrun = self._options.overrun
        return hold

    async def hold_async(
        self, scrip: AsyncLedger, reference_id: str, user_id: str
    ) -> AsyncHoldGuard:
        """Hold credits for the most tokens that the call can use."""
        hold = await scrip.hold(reference_id, user_id, **self._hold_options())
        hold.overrun = self._options.overrun
        return hold

    def _hold_options(self) -> dict[str, Any]:
        # Another run with the same reference has another time. So its hold is refused before the
        # model is called.
        ends = datetime.now(timezone.utc) + timedelta(seconds=self._options.expires_in_seconds)
        service = self._options.service
        return {"service": service, "quantity": self.most, "expires_at": ends.isoformat()}

    def end(self, hold: HoldGuard) -> Outcome:
        """Capture the usage, or release the hold if there is none."""
        return hold.capture(quantity=self.tokens) if self.tokens else completed(hold.release())

    async def end_async(self, hold: AsyncHoldGuard) -> Outcome:
        """Capture the usage, or release the hold if there is none."""
        if self.tokens:
            return await hold.capture(quantity=self.tokens)
        return completed(await hold.release())
