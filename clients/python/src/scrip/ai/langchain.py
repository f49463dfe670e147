"""LangChain callbacks that charge the calls of chat models with credits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from ..async_ledger import AsyncHoldGuard, AsyncLedger
from ..background import finish
from ..client import HoldGuard, ScripClient
from ..errors import ScripError
from .meter import MeterOptions, Usage, content_text

if TYPE_CHECKING:
    from typing_extensions import Self


class _Calls:
    """The calls of one request: their references and their usage."""

    # Without these, LangChain would log a refusal and call the model.
    raise_error = True
    run_inline = True

    def __init__(self, reference_id: str, user_id: str, options: MeterOptions) -> None:
        self._reference_id = reference_id
        self._user_id = user_id
        self._options = options
        self._lock = threading.Lock()
        self._calls = 0

    def _begin(self, prompt: str, kwargs: dict[str, Any]) -> tuple[str, Usage]:
        """Return the reference and the usage of the next call."""
        with self._lock:
            self._calls += 1
            suffix = "" if self._calls == 1 else f"/{self._calls}"
        parameters = kwargs.get("invocation_params") or {}
        limit = parameters.get("max_completion_tokens") or parameters.get("max_tokens")
        return self._reference_id + suffix, Usage(self._options, prompt, limit)


def _prompt(messages: list[list[BaseMessage]]) -> str:
    return "".join(content_text(one.content) for batch in messages for one in batch)


def _note(usage: Usage, response: LLMResult) -> None:
    """Note what a call delivered and reports."""
    reported: list[int] = []
    for batch in response.generations:
        for number, generation in enumerate(batch):
            usage.deliver(generation.text)
            message = generation.message if isinstance(generation, ChatGeneration) else None
            # The choices of a request all report the usage of the whole request.
            if number == 0 and isinstance(message, AIMessage) and message.usage_metadata:
                reported.append(message.usage_metadata["total_tokens"])
    if reported:
        usage.reported = sum(reported)


class CreditCallback(_Calls, BaseCallbackHandler):
    """Holds credits before each call of a chat model, and captures the usage that it reports.

    A call raises `RefusedError` before the model is called if credits are missing. When it is
    aborted or fails, it is charged by the prompt and by what was delivered, and costs nothing if
    nothing was delivered. Make one for each request of your app: `reference_id` is its id. Further
    calls, such as those of an agent, have `{reference_id}/2` and so on. Give the model a limit of
    `max_output_tokens`, so that the hold covers its answer. It blocks: use `AsyncCreditCallback`
    with `ainvoke` and `astream`.
    """

    def __init__(
        self, scrip: ScripClient, reference_id: str, user_id: str, options: MeterOptions
    ) -> None:
        """Charge the calls of a request."""
        super().__init__(reference_id, user_id, options)
        self._scrip = scrip
        self._open: dict[UUID, tuple[HoldGuard, Usage]] = {}

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Hold credits for the prompt and for the longest answer."""
        self._hold(run_id, _prompt(messages), kwargs)

    def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Hold credits for the prompt and for the longest answer."""
        self._hold(run_id, "".join(prompts), kwargs)

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Note what was delivered."""
        if run_id in self._open:
            self._open[run_id][1].deliver(str(token))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Capture what the model reports."""
        if run_id in self._open:
            _note(self._open[run_id][1], response)
            self._end(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Capture what was delivered, or release the hold."""
        self._end(run_id)

    def _hold(self, run_id: UUID, prompt: str, kwargs: dict[str, Any]) -> None:
        reference, usage = self._begin(prompt, kwargs)
        self._open[run_id] = (usage.hold(self._scrip, reference, self._user_id), usage)

    def _end(self, run_id: UUID) -> None:
        call = self._open.pop(run_id, None)
        if call:
            hold, usage = call
            usage.end(hold)


class AsyncCreditCallback(_Calls, AsyncCallbackHandler):
    """The same with asyncio. Its `async with` block ends the calls that were cancelled in it."""

    def __init__(
        self, scrip: AsyncLedger, reference_id: str, user_id: str, options: MeterOptions
    ) -> None:
        """Charge the calls of a request."""
        super().__init__(reference_id, user_id, options)
        self._scrip = scrip
        self._open: dict[UUID, tuple[AsyncHoldGuard, Usage]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the calls that LangChain has not ended: it reports no cancellation."""
        await finish(self._end_all())

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Hold credits for the prompt and for the longest answer."""
        await self._hold(run_id, _prompt(messages), kwargs)

    async def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Hold credits for the prompt and for the longest answer."""
        await self._hold(run_id, "".join(prompts), kwargs)

    async def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Note what was delivered."""
        if run_id in self._open:
            self._open[run_id][1].deliver(str(token))

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Capture what the model reports."""
        if run_id in self._open:
            _note(self._open[run_id][1], response)
            await finish(self._end(run_id))

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Capture what was delivered, or release the hold."""
        await finish(self._end(run_id))

    async def _hold(self, run_id: UUID, prompt: str, kwargs: dict[str, Any]) -> None:
        reference, usage = self._begin(prompt, kwargs)
        hold = await usage.hold_async(self._scrip, reference, self._user_id)
        self._open[run_id] = (hold, usage)

    async def _end(self, run_id: UUID) -> None:
        call = self._open.pop(run_id, None)
        if call:
            hold, usage = call
            await usage.end_async(hold)

    async def _end_all(self) -> None:
        for run_id in list(self._open):
            try:
                await self._end(run_id)
            except ScripError:
                pass  # the hold ends by time
