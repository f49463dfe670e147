"""What OpenAPI cannot express about requests that are meant to be valid."""

from __future__ import annotations

from typing import Any

import schemathesis

# Pages by number reach this many rows.
MAX_PAGED_ROWS = 10_000
DEFAULT_PAGE_SIZE = 10

# The largest number in `metadata`.
MAX_NUMBER = 1.79e308

# The cursors that the server returned.
cursors: set[str] = set()


@schemathesis.hook
def after_call(ctx: Any, case: Any, response: Any) -> None:
    """Remember the cursor of a page."""
    is_page = case.operation.path.endswith("/transactions") and case.method == "GET"
    if is_page and response.status_code == 200:
        cursor = response.json().get("nextCursor")
        # The last page has none.
        if cursor is not None:
            cursors.add(cursor)


@schemathesis.hook
def before_call(ctx: Any, case: Any, **_: Any) -> None:
    """Change a request so that it follows the rules between its parts."""
    query, headers = case.query or {}, case.headers or {}
    reference = case.body.get("referenceId") if isinstance(case.body, dict) else None
    if case.meta is None or not case.meta.generation.mode.is_positive:
        # Beside `Idempotency-Key`, a body without `referenceId` is valid.
        if reference is None:
            headers.pop("Idempotency-Key", None)
        return
    # The header repeats the field, or replaces it.
    if reference is not None and "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = reference
    # Two parameters cannot exclude each other.
    if "amount" in query:
        query.pop("quantity", None)
    # A cursor is one that the server returned, and excludes `pageIndex`.
    query.pop("pageIndex" if query.get("cursor") in cursors else "cursor", None)
    # The limit of a parameter cannot depend on another one.
    size = int(query.get("pageSize", DEFAULT_PAGE_SIZE))
    if (int(query.get("pageIndex", 0)) + 1) * size > MAX_PAGED_ROWS:
        query.pop("pageIndex")
    case.body = storable(case.body)


def storable(value: Any) -> Any:
    """Return the value without what the server refuses at any depth.

    JSON Schema takes `3.0` for an integer, and cannot limit the numbers and texts of `metadata`.
    """
    if isinstance(value, dict):
        return {storable(name): storable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [storable(one) for one in value]
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        return 0
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
