"""Calls of models that are charged, against a model server that aborts and fails."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import anyio
import httpx
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from openai import APIError, AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessage

from scrip import AsyncScripClient, RefusedError, ScripClient
from scrip.ai import MeterOptions
from scrip.ai.langchain import AsyncCreditCallback, CreditCallback
from scrip.ai.meter import content_text
from scrip.ai.openai import AsyncMeteredChat, MeteredChat, _prepared

from .model_server import HEAD, PART, USAGE, ModelServer
from .server import Server

OPTIONS = MeterOptions("llm:tokens", max_output_tokens=500)


def asked(prompt: str) -> dict[str, Any]:
    """Return the arguments of a call."""
    return {"model": "fake", "messages": [{"role": "user", "content": prompt}]}


class AiTest(unittest.TestCase):
    """The OpenAI client and LangChain."""

    server: Server
    scrip: ScripClient
    models: ModelServer
    openai: OpenAI

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.scrip = ScripClient(cls.server.url, cls.server.token)
        cls.models = ModelServer()
        cls.openai = OpenAI(base_url=cls.models.url, api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.openai.close()
        cls.models.close()
        cls.scrip.close()
        cls.server.end()

    def chat(self, user: str) -> MeteredChat:
        """Return a chat of a user who has 20 credits."""
        self.scrip.grant(f"signup-{user}", user, "registration_bonus")
        return MeteredChat(self.openai, self.scrip, OPTIONS)

    def assert_available(self, user: str, credits: int) -> None:
        self.assertEqual(self.scrip.holds(user)["items"], [], "no hold is left")
        self.assertEqual(self.scrip.balance(user)["availableCredits"], credits)

    def test_a_call_is_charged_by_the_usage_that_the_model_reports(self) -> None:
        completion = self.chat("ada").create("request-1", "ada", **asked("answer"))
        self.assertEqual(completion.choices[0].message.content, PART)
        self.assert_available("ada", 17)

    def test_a_stream_is_charged_by_the_usage_that_the_model_reports(self) -> None:
        with self.chat("bob").stream("request-2", "bob", **asked("answer")) as chunks:
            text = "".join(choice.delta.content or "" for one in chunks for choice in one.choices)
        self.assertEqual(text, PART + PART)
        self.assert_available("bob", 17)

    def test_a_call_that_is_not_covered_is_refused_before_the_model_is_called(self) -> None:
        chat, before = self.chat("eve"), self.models.calls
        with self.assertRaises(RefusedError) as raised:
            chat.create("request-3", "eve", max_tokens=5_000, **asked("answer"))
        self.assertEqual(raised.exception.code, "insufficient_credits")
        self.assertEqual(self.models.calls, before)
        self.assert_available("eve", 20)

    def test_a_second_run_with_the_same_id_is_refused_before_the_model_is_called(self) -> None:
        chat = self.chat("jan")
        chat.create("request-jan", "jan", **asked("answer"))
        before = self.models.calls
        with self.assertRaises(RefusedError) as raised:
            chat.create("request-jan", "jan", **asked("answer"))
        self.assertEqual(raised.exception.code, "reference_conflict")
        self.assertEqual(self.models.calls, before)
        self.assert_available("jan", 17)

    def test_a_stream_whose_close_fails_is_charged(self) -> None:
        stream = Closing([chunk("answer " * 100)], fail)
        completions = SimpleNamespace(create=lambda **_: stream)
        client = cast(OpenAI, SimpleNamespace(chat=SimpleNamespace(completions=completions)))
        self.chat("lou")
        with MeteredChat(client, self.scrip, OPTIONS).stream("r-lou", "lou", messages=[]) as chunks:
            list(chunks)
        self.assert_available("lou", 18)

    def test_texts_of_prompts_are_counted_and_files_are_not(self) -> None:
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4_000}}
        message = ChatCompletionMessage(role="assistant", content="字" * 10)
        messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}, image]}, message]
        usage, arguments = _prepared(MeterOptions("s", 1), {"messages": iter(messages)})
        self.assertEqual(usage.most, 8 + 1)
        self.assertEqual(arguments["messages"], messages)
        langchain = [HumanMessage([{"type": "text", "text": "hi"}, image])]
        self.assertEqual(content_text(langchain[0].content), "hi")

    def test_langchain_charges_the_usage_of_a_request_with_two_choices_once(self) -> None:
        model = FakeChatModel(client=self.openai, choices=2)
        config: Any = self.callback("mia")
        model.invoke("answer", config)
        self.assert_available("mia", 17)

    def test_a_call_that_fails_costs_nothing(self) -> None:
        with self.assertRaises(APIError):
            self.chat("finn").create("request-4", "finn", **asked("fail"))
        self.assert_available("finn", 20)

    def test_a_stream_that_fails_is_charged_by_what_was_delivered(self) -> None:
        with self.assertRaises((APIError, httpx.HTTPError)):
            with self.chat("gus").stream("request-5", "gus", **asked("cut")) as chunks:
                for _ in chunks:
                    pass
        # 200 tokens of the answer and a few of the prompt.
        self.assert_available("gus", 17)

    def test_an_aborted_stream_is_charged_by_what_was_delivered(self) -> None:
        with self.chat("hal").stream("request-6", "hal", **asked("wait")) as chunks:
            next(chunks)
        self.assert_available("hal", 18)

    def callback(self, user: str) -> dict[str, Any]:
        """Return the configuration of a call that a user with 20 credits pays."""
        self.scrip.grant(f"signup-{user}", user, "registration_bonus")
        return {"callbacks": [CreditCallback(self.scrip, f"request-{user}", user, OPTIONS)]}

    def test_langchain_charges_calls_and_streams(self) -> None:
        model = FakeChatModel(client=self.openai)
        config: Any = self.callback("ida")
        self.assertEqual(model.invoke("answer", config).content, PART)
        self.assertEqual(len([part for part in model.stream("answer", config) if part.content]), 2)
        self.assert_available("ida", 14)

    def test_langchain_refuses_before_the_model_is_called(self) -> None:
        before = self.models.calls
        callback = CreditCallback(self.scrip, "request-none", "none", OPTIONS)
        with self.assertRaises(RefusedError) as raised:
            FakeChatModel(client=self.openai).invoke("answer", {"callbacks": [callback]})
        self.assertEqual(raised.exception.code, "wallet_not_found")
        self.assertEqual(self.models.calls, before)

    def test_langchain_charges_failed_and_aborted_streams_by_what_was_delivered(self) -> None:
        model = FakeChatModel(client=self.openai)
        config: Any = self.callback("kim")
        with self.assertRaises(APIError):
            model.invoke("fail", config)
        self.assert_available("kim", 20)
        with self.assertRaises((APIError, httpx.HTTPError)):
            list(model.stream("cut", config))
        self.assert_available("kim", 17)
        aborted = model.stream("wait", config)
        next(aborted)
        aborted.close()  # type: ignore[attr-defined] # it is a generator
        self.assert_available("kim", 15)


class AsyncAiTest(unittest.IsolatedAsyncioTestCase):
    """The OpenAI client with asyncio."""

    async def test_the_asyncio_client_is_charged_in_the_same_way(self) -> None:
        server = await asyncio.to_thread(Server)
        models = ModelServer()
        openai = AsyncOpenAI(base_url=models.url, api_key="none", max_retries=0)
        async with AsyncScripClient(server.url, server.token) as scrip, openai:
            await scrip.grant("signup-ada", "ada", "registration_bonus")
            chat = AsyncMeteredChat(openai, scrip, OPTIONS)
            await chat.create("request-1", "ada", **asked("answer"))
            async with chat.stream("request-2", "ada", **asked("answer")) as chunks:
                self.assertEqual(len([chunk async for chunk in chunks if chunk.choices]), 2)
            async with chat.stream("request-3", "ada", **asked("wait")) as chunks:
                await chunks.__anext__()
            with anyio.CancelScope() as scope:  # as web frameworks do when a client disconnects
                async with chat.stream("request-4", "ada", **asked("wait")) as chunks:
                    await chunks.__anext__()
                    await chunks.__anext__()
                    scope.cancel()
                    await chunks.__anext__()
            self.assertTrue(scope.cancelled_caught)
            while (await scrip.holds("ada"))["items"]:
                await asyncio.sleep(0.01)
            self.assertEqual((await scrip.balance("ada"))["availableCredits"], 9)
            self.assertEqual((await scrip.holds("ada"))["items"], [])
        models.close()
        await asyncio.to_thread(server.end)


def fail() -> None:
    raise httpx.ReadError("the connection was lost")


def chunk(text: str) -> ChatCompletionChunk:
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return ChatCompletionChunk.model_validate({**HEAD, "choices": [delta]})


class Closing(list[ChatCompletionChunk]):
    """A stream that does something when it is closed."""

    def __init__(self, chunks: list[ChatCompletionChunk], close: Callable[[], None]) -> None:
        super().__init__(chunks)
        self.close = close


class AsyncLangChainTest(unittest.IsolatedAsyncioTestCase):
    """LangChain with asyncio."""

    async def test_langchain_charges_calls_and_streams_with_asyncio(self) -> None:
        server = await asyncio.to_thread(Server)
        models = ModelServer()
        openai = OpenAI(base_url=models.url, api_key="none", max_retries=0)
        model = FakeChatModel(client=openai)
        async with AsyncScripClient(server.url, server.token) as scrip:
            await scrip.grant("signup-ada", "ada", "registration_bonus")
            async with AsyncCreditCallback(scrip, "request-1", "ada", OPTIONS) as credits:
                config: Any = {"callbacks": [credits]}
                self.assertEqual((await model.ainvoke("answer", config)).content, PART)
                parts = [part async for part in model.astream("answer", config) if part.content]
                self.assertEqual(len(parts), 2)
                self.assertEqual((await scrip.balance("ada"))["availableCredits"], 14)
                # A call that is cancelled: LangChain reports neither an end nor an error.
                with anyio.CancelScope() as scope:
                    await SleepingChatModel(asleep=scope.cancel).ainvoke("answer", config)
                self.assertTrue(scope.cancelled_caught)
                self.assertEqual(len((await scrip.holds("ada"))["items"]), 1)
            self.assertEqual((await scrip.holds("ada"))["items"], [])
            self.assertEqual((await scrip.balance("ada"))["availableCredits"], 14)
            none = AsyncCreditCallback(scrip, "request-2", "none", OPTIONS)
            before = models.calls
            with self.assertRaises(RefusedError):
                await model.ainvoke("answer", {"callbacks": [none]})
            self.assertEqual(models.calls, before)
        openai.close()
        models.close()
        await asyncio.to_thread(server.end)


class FakeChatModel(BaseChatModel):
    """A chat model of LangChain on the model server."""

    client: Any
    choices: int = 1

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _arguments(self, messages: list[BaseMessage]) -> dict[str, Any]:
        return asked(str(messages[-1].content))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        completion = self.client.chat.completions.create(**self._arguments(messages))
        message = AIMessage(completion.choices[0].message.content, usage_metadata=METADATA)
        return ChatResult(generations=[ChatGeneration(message=message)] * self.choices)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        stream = self.client.chat.completions.create(**self._arguments(messages), stream=True)
        with stream:
            for chunk in stream:
                text = chunk.choices[0].delta.content if chunk.choices else ""
                usage = METADATA if chunk.usage else None
                message = AIMessageChunk(content=text, usage_metadata=usage)
                part = ChatGenerationChunk(message=message)
                if run_manager:
                    run_manager.on_llm_new_token(text, chunk=part)
                yield part


class SleepingChatModel(FakeChatModel):
    """A chat model that does not answer. It calls `asleep` first."""

    client: Any = None
    asleep: Callable[[], None]

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        self.asleep()
        await asyncio.sleep(60.0)
        raise AssertionError


METADATA: Any = {
    "input_tokens": USAGE["prompt_tokens"],
    "output_tokens": USAGE["completion_tokens"],
    "total_tokens": USAGE["total_tokens"],
}
