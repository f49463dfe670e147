"""A model that streams, fails, cuts the connection, or never ends, as the prompt says."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

# At 100 tokens for a credit they cost 3 credits.
USAGE = {"prompt_tokens": 100, "completion_tokens": 150, "total_tokens": 250}
# The text of each part of an answer: 400 bytes, so about 100 tokens.
PART = "word " * 80
HEAD = {"id": "1", "created": 1, "model": "fake", "object": "chat.completion.chunk"}


class ModelServer:
    """A server of the OpenAI API with one model."""

    def __init__(self) -> None:
        self.calls = 0
        self._end = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.calls += 1
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer._answer(self, body)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End all answers."""
        self._end.set()
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        prompt = body["messages"][-1]["content"]
        if prompt == "fail":
            handler.send_response(400)
            handler.send_header("content-length", "0")
            handler.end_headers()
            return
        handler.send_response(200)
        if not body.get("stream"):
            message = {"role": "assistant", "content": PART}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            answer = {**HEAD, "object": "chat.completion", "choices": choices, "usage": USAGE}
            content = json.dumps(answer).encode()
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
            return
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()

        def send(text: str) -> None:
            line = f"data: {text}\n\n".encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            handler.wfile.flush()

        delta = {"index": 0, "delta": {"content": PART}, "finish_reason": None}
        for _ in range(2):
            send(json.dumps({**HEAD, "choices": [delta]}))
        if prompt == "wait":
            self._end.wait()
        if prompt == "answer":
            send(json.dumps({**HEAD, "choices": [], "usage": USAGE}))
            send("[DONE]")
            handler.wfile.write(b"0\r\n\r\n")
        # Without the last chunk the connection is cut.
        handler.close_connection = True
