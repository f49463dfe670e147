"""The file of a spool: lines that survive a crash of the process and of the machine."""

from __future__ import annotations

import fcntl
import os
import weakref
import zlib
from collections import deque
from pathlib import Path

from ..errors import ScripError

# The digits of the checksum and the space behind it.
PREFIX = 9


class SpoolFile:
    """An append-only file of texts, from which texts are removed at the front.

    `append` returns after the line is on disk. A line that a crash cut off is dropped when the file
    is opened: its `append` had not returned. It is not safe for threads. A forked process has the
    descriptors, too, and closes them: there the spool is closed.
    """

    def __init__(self, path: str | os.PathLike[str], max_bytes: int) -> None:
        """Open or create the file. Raise if another process has it open."""
        self.path = Path(path)
        self.max_bytes = max_bytes
        self._lock = _lock(Path(f"{path}.lock"))
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
            self._lines = _read_lines(self.path, content)
            self._bytes = sum(map(len, self._lines))
            # The bytes at the front of the file that are removed, but still in it.
            self._removed = 0
            self._file = self._open()
            os.ftruncate(self._file, self._bytes)
            os.fsync(self._file)
            _sync_folder(self.path)
        except BaseException:
            os.close(self._lock)
            raise
        _open_files.add(self)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._lines)

    def first(self, count: int, size: int) -> list[bytes]:
        """Return the first texts: at most `count`, of at most `size` bytes, and at least one."""
        texts: list[bytes] = []
        total = 0
        for line in self._lines:
            total += len(line)
            if len(texts) == count or (texts and total > size):
                break
            texts.append(line[PREFIX:-1])
        return texts

    def append(self, text: bytes) -> None:
        """Append a text. Raise `ScripError` with the code `spool_full` if it does not fit."""
        self.check_open()
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        if self._bytes + len(line) > self.max_bytes:
            raise ScripError(
                "spool_full",
                f"the spool {self.path} has {self._bytes} of at most {self.max_bytes} bytes; the "
                "command was not kept",
            )
        if self._removed and self._bytes + self._removed + len(line) > self.max_bytes:
            self._rewrite()
        try:
            _write(self._file, line)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._bytes + self._removed)  # a part may be there
            raise
        self._lines.append(line)
        self._bytes += len(line)

    def remove(self, count: int) -> None:
        """Remove the first texts. After a crash they may come back."""
        self.check_open()
        for _ in range(count):
            size = len(self._lines.popleft())
            self._bytes -= size
            self._removed += size
        if not self._lines:
            os.ftruncate(self._file, 0)
            os.fsync(self._file)
            self._removed = 0

    def close(self) -> None:
        """Close the file without the texts that were removed. It may be called again."""
        try:
            if self._removed and self._file >= 0:
                self._rewrite()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is."""
        # Another file may get these descriptors.
        descriptors = (self._file, self._lock)
        self._file = self._lock = -1
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)

    def check_open(self) -> None:
        """Raise if the file is closed."""
        if self._file < 0:
            message = f"the spool {self.path} is closed, or belongs to the parent process"
            raise ScripError("spool_closed", message)

    def _open(self) -> int:
        return os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def _rewrite(self) -> None:
        """Replace the file by one that has only the texts that are left."""
        temporary = Path(f"{self.path}.new")
        file = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            _write(file, b"".join(self._lines))
            os.fsync(file)
        finally:
            os.close(file)
        temporary.replace(self.path)
        _sync_folder(self.path)
        before, self._file = self._file, self._open()
        os.close(before)
        self._removed = 0


_open_files: weakref.WeakSet[SpoolFile] = weakref.WeakSet()


def _abandon_all() -> None:
    for file in list(_open_files):
        file.abandon()


# A child would share the lock with its parent, and hold it longer.
os.register_at_fork(after_in_child=_abandon_all)


def append_synced(path: Path, text: bytes) -> None:
    """Append a text to a file. Return when it is on disk."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        _write(file, text)
        os.fsync(file)
    finally:
        os.close(file)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _read_lines(path: Path, content: bytes) -> deque[bytes]:
    """Return the lines of a file. A bad last line was cut off by a crash."""
    lines = content.split(b"\n")
    cut_off = lines.pop()  # empty, unless the file does not end with a line
    good: deque[bytes] = deque()
    for number, line in enumerate(lines, 1):
        if line[:PREFIX] != b"%08x " % zlib.crc32(line[PREFIX:]):
            if number == len(lines) and not cut_off:
                break
            raise ScripError(
                "spool_damaged",
                f"line {number} of the spool {path} is damaged; move the file away and send its "
                "commands",
            )
        good.append(line + b"\n")
    return good


def _sync_folder(path: Path) -> None:
    """Make a new or renamed file survive a crash of the machine."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _lock(path: Path) -> int:
    """Lock a file until it is closed or the process ends."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise ScripError(
            "spool_locked", f"another process has locked {path}; use one spool for each process"
        ) from error
    return file
