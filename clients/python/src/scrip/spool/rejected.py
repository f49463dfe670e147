"""Commands of a spool that the server does not understand."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..body import to_json
from ..errors import ProblemError, UnreachableError
from .file import append_synced

BATCH_COMMANDS = 500
BATCH_BYTES = 1 << 20
# The delays between attempts to send, in seconds.
MIN_DELAY = 0.5
MAX_DELAY = 30.0


def next_count(error: ProblemError, count: int) -> int:
    """Return how many of `count` commands to send after a problem.

    0 says that the first command is wrong, as the ledger says. Raise the problem if the account or
    the server is wrong.
    """
    is_of_command = error.code != "broker_refused" and error.status in (None, 400, 403, 413)
    if not is_of_command:
        raise error
    if error.index is None:
        return 1 if count > 1 else 0
    return error.index


def put_aside(path: Path, error: ProblemError, command: Mapping[str, Any]) -> None:
    """Append a command and its problem to `{path}.rejected`."""
    entry = {"code": error.code, "detail": error.detail, "command": command}
    append_synced(Path(f"{path}.rejected"), to_json(entry) + b"\n")


def log_failure(path: Path, error: Exception, delay: float) -> None:
    """Log that commands of a spool could not be sent. An unreachable server is expected."""
    level = logging.DEBUG if isinstance(error, UnreachableError) else logging.WARNING
    message = "sending a spool failed, retrying path=%s delay_s=%.1f error=%r"
    logging.getLogger("scrip.spool").log(level, message, path, delay, error)
