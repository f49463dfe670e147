"""A client of the Scrip credit ledger over HTTP. `scrip.amqp` has one over RabbitMQ."""

from .async_client import AsyncScripClient
from .async_ledger import AsyncHoldGuard, AsyncLedger
from .client import HoldGuard, ScripClient
from .errors import (
    ProblemError,
    RefusedError,
    ScripError,
    UnansweredError,
    UnreachableError,
    completed,
)
from .options import Options, Origin, Retry

__all__ = [
    "AsyncHoldGuard",
    "AsyncLedger",
    "AsyncScripClient",
    "HoldGuard",
    "Options",
    "Origin",
    "ProblemError",
    "RefusedError",
    "Retry",
    "ScripClient",
    "ScripError",
    "UnansweredError",
    "UnreachableError",
    "completed",
]
