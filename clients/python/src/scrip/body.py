"""The bodies of commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any


def command_body(command: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a command: without absent fields, with the time at which it happened.

    Repetitions have the same body, so they keep the time.
    """
    body = {name: value for name, value in command.items() if value is not None}
    body.setdefault("occurredAt", datetime.now(timezone.utc).isoformat())
    return body


def to_json(body: Mapping[str, Any]) -> bytes:
    """Return JSON in UTF-8. Raise `ValueError` for a number that JSON does not have."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def label(command: Mapping[str, Any]) -> str:
    """Return a name of a command for errors."""
    return f"{command.get('type')} {command.get('referenceId')}"
