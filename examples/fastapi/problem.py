"""Errors of the API of the app, as JSON."""

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from openai import OpenAIError
from scrip import RefusedError, ScripError

log = logging.getLogger("uvicorn.error")


class Problem(Exception):
    """An error that the user can see. `code` is for programs, `detail` for people."""

    def __init__(self, status: int, code: str, detail: str, **more: object) -> None:
        """Say what is wrong."""
        super().__init__(detail)
        self.status = status
        self.body = {"code": code, "detail": detail, **more}


def problem_of(error: Exception) -> Problem:
    """Return what the user sees of an error. A call that did not begin costs nothing."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RefusedError):
        reason = error.outcome.get("error")
        if not reason or error.code != "insufficient_credits":
            return Problem(403, error.code, str(error))
        needed, available = reason.get("required") or 0, reason.get("available") or 0
        return Problem(
            402,
            error.code,
            f"the call needs up to {needed} credits, {available} are available",
            required=needed,
            available=available,
            missing=needed - available,
        )
    log.error("request failed: %r", error)
    if isinstance(error, ScripError):
        detail = "the ledger is not available; try again later"
        return Problem(503, "ledger_unavailable", detail)
    return Problem(502, "model_failed", "the model did not answer; nothing was charged")


def install(app: FastAPI) -> None:
    """Answer with JSON when a request fails."""

    async def answer(_: Request, error: Exception) -> JSONResponse:
        problem = problem_of(error)
        return JSONResponse(problem.body, problem.status)

    for kind in (Problem, ScripError, OpenAIError):
        app.add_exception_handler(kind, answer)
