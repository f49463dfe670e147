"""Chat completions of the OpenAI client that are charged with credits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, cast

from openai import AsyncOpenAI, AsyncStream, OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ..async_ledger import AsyncHoldGuard, AsyncLedger
from ..background import finish
from ..client import HoldGuard, ScripClient
from ..errors import ScripError
from .meter import MeterOptions, Usage, content_text

LIMITS = ("max_completion_tokens", "max_tokens")


class MeteredChat:
    """Chat completions that hold credits before the call and capture the usage that it reports.

    Each call raises `RefusedError` before the model is called if credits are missing. When it is
    aborted or fails, it is charged by the prompt and by what was delivered, and costs nothing if
    nothing was delivered. `reference_id` is the id of the request in your app.
    """

    def __init__(self, client: OpenAI, scrip: ScripClient, options: MeterOptions) -> None:
        """Charge the calls of `client`."""
        self._client = client
        self._scrip = scrip
        self._options = options

    def create(self, reference_id: str, user_id: str, **arguments: Any) -> ChatCompletion:
        """Call `chat.completions.create` with these arguments."""
        usage, arguments = _prepared(self._options, arguments)
        hold = usage.hold(self._scrip, reference_id, user_id)
        with _ending(usage, hold):
            completion = cast(ChatCompletion, self._client.chat.completions.create(**arguments))
            _note(usage, completion)
        return completion

    @contextmanager
    def stream(
        self, reference_id: str, user_id: str, **arguments: Any
    ) -> Iterator[Iterator[ChatCompletionChunk]]:
        """Stream a completion in a `with` block. The call ends at the end of the block."""
        usage, arguments = _prepared(self._options, arguments)
        hold = usage.hold(self._scrip, reference_id, user_id)
        with _ending(usage, hold):
            stream = cast(
                "Stream[ChatCompletionChunk]",
                self._client.chat.completions.create(**arguments, **_streamed()),
            )
            try:
                yield _passed_on(stream, usage)
            finally:
                with suppress(Exception):  # the usage is captured all the same
                    stream.close()


class AsyncMeteredChat:
    """Chat completions with asyncio, charged as by `MeteredChat`."""

    def __init__(self, client: AsyncOpenAI, scrip: AsyncLedger, options: MeterOptions) -> None:
        """Charge the calls of `client`."""
        self._client = client
        self._scrip = scrip
        self._options = options

    async def create(self, reference_id: str, user_id: str, **arguments: Any) -> ChatCompletion:
        """Call `chat.completions.create` with these arguments."""
        usage, arguments = _prepared(self._options, arguments)
        hold = await usage.hold_async(self._scrip, reference_id, user_id)
        async with _ending_async(usage, hold):
            created = await self._client.chat.completions.create(**arguments)
            completion = cast(ChatCompletion, created)
            _note(usage, completion)
        return completion

    @asynccontextmanager
    async def stream(
        self, reference_id: str, user_id: str, **arguments: Any
    ) -> AsyncIterator[AsyncIterator[ChatCompletionChunk]]:
        """Stream a completion in an `async with` block. The call ends at the end of the block."""
        usage, arguments = _prepared(self._options, arguments)
        hold = await usage.hold_async(self._scrip, reference_id, user_id)
        async with _ending_async(usage, hold):
            created = await self._client.chat.completions.create(**arguments, **_streamed())
            stream = cast("AsyncStream[ChatCompletionChunk]", created)
            try:
                yield _passed_on_async(stream, usage)
            finally:
                with suppress(Exception):  # the usage is captured all the same
                    await finish(stream.close())


@contextmanager
def _ending(usage: Usage, hold: HoldGuard) -> Iterator[None]:
    """End the hold with the block. The error of the block is more important than its own."""
    try:
        yield
    except BaseException:
        with suppress(ScripError):
            usage.end(hold)
        raise
    usage.end(hold)


@asynccontextmanager
async def _ending_async(usage: Usage, hold: AsyncHoldGuard) -> AsyncIterator[None]:
    """End the hold with the block, also if the caller is cancelled."""
    try:
        yield
    except BaseException:
        with suppress(ScripError):
            await finish(usage.end_async(hold))
        raise
    await finish(usage.end_async(hold))


def _prepared(options: MeterOptions, arguments: dict[str, Any]) -> tuple[Usage, dict[str, Any]]:
    """Return the usage of a call, and its arguments with a limit."""
    limits = [arguments[name] for name in LIMITS if arguments.get(name)]
    messages = list(arguments.get("messages") or ())
    usage = Usage(options, "".join(map(_text_of, messages)), max(limits, default=None))
    limit = {} if limits else {LIMITS[0]: options.max_output_tokens}
    return usage, {**arguments, "messages": messages, **limit}


def _text_of(message: Any) -> str:
    """Return the text of a message, which is a dictionary or a model of the OpenAI client."""
    fields = message if isinstance(message, Mapping) else message.model_dump()
    texts = [content_text(fields.get("content"))]
    for call in fields.get("tool_calls") or ():
        texts.append(str((call.get("function") or {}).get("arguments") or ""))
    return "".join(texts)


def _streamed() -> dict[str, Any]:
    """Return the arguments by which the last chunk reports the usage."""
    return {"stream": True, "stream_options": {"include_usage": True}}


def _note(usage: Usage, completion: ChatCompletion) -> None:
    for choice in completion.choices:
        usage.deliver(_text_of(choice.message))
    if completion.usage:
        usage.reported = completion.usage.total_tokens


def _note_chunk(usage: Usage, chunk: ChatCompletionChunk) -> None:
    for choice in chunk.choices:
        usage.deliver(choice.delta.content)
        for call in choice.delta.tool_calls or []:
            usage.deliver(call.function.arguments if call.function else None)
    if chunk.usage:
        usage.reported = chunk.usage.total_tokens


def _passed_on(stream: Stream[ChatCompletionChunk], usage: Usage) -> Iterator[ChatCompletionChunk]:
    for chunk in stream:
        _note_chunk(usage, chunk)
        yield chunk


async def _passed_on_async(
    stream: AsyncStream[ChatCompletionChunk], usage: Usage
) -> AsyncIterator[ChatCompletionChunk]:
    async for chunk in stream:
        _note_chunk(usage, chunk)
        yield chunk
