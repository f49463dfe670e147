"""Real servers: each test starts a `scrip` of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

FROM_ENVIRONMENT = re.compile("^(AMQP_URL|DATABASE_URL|REDIS_URL|RUST_LOG|SCRIP_)")
CONFIGURATION = """
[prices]
"google:chat" = 2
"google:image" = 5
"llm:tokens" = { credits = 1, per = 100 }
"""
START_TIMEOUT = 60.0  # seconds


def required(name: str) -> str:
    """Return an environment variable that the tests need."""
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set; tests/run sets it (see CONTRIBUTING.md)")
    return value


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Server:
    """A worker that serves the HTTP API. It can be killed and started again at its address."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        """Start a server: on one SQLite file, or on the servers that `environment` names."""
        self.folder = Path(tempfile.mkdtemp(prefix="scrip-client-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (self.folder / "scrip.toml").write_text(CONFIGURATION)
        inherited = {k: v for k, v in os.environ.items() if not FROM_ENVIRONMENT.match(k)}
        self._environment = {
            **inherited,
            "SCRIP_CONFIG": str(self.folder / "scrip.toml"),
            "SCRIP_DATA_DIR": str(self.folder),
            **(environment or {}),
        }
        if "DATABASE_URL" in self._environment:
            self.scrip("migrate", "up")
        self._process: subprocess.Popen[str] | None = None
        self.run()
        self.token = self.scrip("token", "create", "test", "--role", "admin").strip()

    def run(self) -> None:
        """Start the process and wait until it is ready."""
        process = subprocess.Popen(
            [required("SCRIP_PROGRAM"), "run", "--http", f"127.0.0.1:{self.port}"],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._process = process
        log: list[str] = []
        ready = threading.Event()

        def read() -> None:
            missing = {"ready", "serving HTTP"}
            assert process.stdout
            with process.stdout:
                for line in process.stdout:
                    log.append(line)
                    missing = {text for text in missing if text not in line}
                    if not missing:
                        ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        if not ready.wait(START_TIMEOUT) or process.poll() is not None:
            raise RuntimeError(f"scrip did not start:\n{''.join(log)}")

    def kill(self) -> None:
        """End the process at any instruction. Then the next one waits for the lease of this one."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the process when its work is done."""
        if self._process:
            self._process.terminate()
            self._process.wait()

    def restart(self) -> None:
        """Kill the process and start it again."""
        self.kill()
        self.run()

    def scrip(self, *words: str) -> str:
        """Run a command of the program and return what it prints."""
        return subprocess.run(
            [required("SCRIP_PROGRAM"), *words],
            cwd=self.folder,
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def end(self) -> None:
        """Check the books, end the process, and remove everything."""
        self.scrip("verify")
        self.kill()
        shutil.rmtree(self.folder)


class Broker:
    """A broker of its own, which a test may kill."""

    def __init__(self) -> None:
        self.parent = Path(tempfile.mkdtemp(dir=os.environ.get("SCRIP_TEST_DIR")))
        self.parent.chmod(0o711)  # the broker has an account of its own
        self.url = self.do("start").strip()

    def do(self, action: str) -> str:
        """Start, kill or remove the broker."""
        script = Path(required("SCRIP_TEST_SCRIPTS"), "rabbitmq")
        command = [str(script), action, str(self.parent / "rabbitmq")]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def restart(self) -> None:
        """Kill the broker and start it again with its data."""
        self.do("kill")
        self.do("start")

    def end(self) -> None:
        """Remove the broker."""
        self.do("remove")
        shutil.rmtree(self.parent, ignore_errors=True)
