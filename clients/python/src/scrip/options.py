"""Options of clients and of single requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

Origin = Literal["usage", "funding"]


class Options(TypedDict, total=False):
    """Options of a command."""

    # Needed only for a hold, capture, release or refund of support staff ("funding").
    origin: Origin | None
    # The W3C trace context of the caller.
    traceparent: str | None
    # The time limit in seconds, all attempts included.
    timeout: float | None


@dataclass(frozen=True)
class Retry:
    """How attempts are repeated."""

    # The longest delay after the first failure in seconds. It doubles with each failure.
    min_delay: float = 0.1
    # The longest delay of all, in seconds.
    max_delay: float = 5.0
