"""A model server with the API of OpenAI, so that the example runs without a key.

It counts a token for each started four bytes. Some prompts have an effect of their own: `/fail`
fails, `/cut` loses the connection after half of the answer, and `/endless` delivers half and never
ends.
"""

import json
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event

SENTENCE = "This answer comes from a fake model that has no idea of what you have asked it. "
WORDS = re.findall(r"\S+\s", SENTENCE * 12)
PAUSE = 0.005


def tokens(text: str) -> int:
    """Return a number of tokens."""
    return -(-len(text.encode()) // 4)


class Model(BaseHTTPRequestHandler):
    """Answers as the prompt says."""

    def do_POST(self) -> None:
        """Stream an answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = str(body["messages"][-1]["content"])
        if prompt == "/fail":
            self.send_error(400, "the fake model fails as it was asked to")
            return
        is_whole = prompt not in ("/cut", "/endless")
        words = WORDS if is_whole else WORDS[: len(WORDS) // 2]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for word in words:
            delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            self.send_chunk(body["model"], [delta])
            time.sleep(PAUSE)
        if prompt == "/endless":
            Event().wait()
        if is_whole:
            used = (tokens(prompt), tokens("".join(words)))
            names = ("prompt_tokens", "completion_tokens", "total_tokens")
            usage = dict(zip(names, (*used, sum(used)), strict=True))
            stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
            self.send_chunk(body["model"], [stop])
            self.send_chunk(body["model"], [], usage)
            self.send_event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
        # Without the last chunk the connection is cut.
        self.close_connection = True

    def send_chunk(
        self, model: str, choices: list[dict[str, object]], usage: dict[str, int] | None = None
    ) -> None:
        """Send a part of the answer."""
        head = {"id": "fake", "object": "chat.completion.chunk", "created": 1, "model": model}
        self.send_event(json.dumps({**head, "choices": choices, "usage": usage}))

    def send_event(self, data: str) -> None:
        """Send a server-sent event."""
        line = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until the process ends."""
    address = ("127.0.0.1", int(os.environ.get("FAKE_MODEL_PORT", "9090")))
    server = ThreadingHTTPServer(address, Model)
    server.daemon_threads = True
    print(f"fake model at http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
