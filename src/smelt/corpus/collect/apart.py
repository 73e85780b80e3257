"""Work that a library may crash or hang in, done in a process apart: such a record costs itself alone.

    reader --- length, bytes --->  python -m smelt.corpus.collect.apart pdf
           <-- length, verdict, bytes ---

The process is started when the first record comes, lives as long as the reader, and is started anew after a record that
killed it. It limits itself: the seconds of a processor that a record may take, the memory that it may hold. So a limit
means the same on a busy machine as on an idle one, and a process whose reader is gone does not run on for ever.
"""

from __future__ import annotations

import atexit
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import IO, Literal

Kind = Literal["pdf", "wikitext"]

TASKS: dict[Kind, tuple[str, str]] = {
    "pdf": ("smelt.corpus.collect.pdftext", "pdf_content"),
    "wikitext": ("smelt.corpus.collect.wikitext", "article_text"),
}
"""The functions that run apart, bytes to bytes, by module; each is imported in its process only."""
CPU_SECONDS = 3
"""What a record may take of a processor; rounded up to whole seconds, so it takes 4 at most (taste)."""
WALL_SECONDS = 60.0
"""What it may take by the clock: only for what sleeps, or for a machine on its last legs."""
MEMORY = 2 * 2**30
"""Bytes of address space, the interpreter and its libraries included (taste)."""
LENGTH = struct.Struct("<Q")
DONE, REFUSED = b"+", b"-"
TAIL = 4_096
"""How much of what a process said before it died is looked at."""


class Refused(Exception):
    """What a task raises of a record that it cannot read: the message says why."""


class Apart:
    """One task in a process apart."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None

    def ask(self, content: bytes) -> bytes:
        """What the task makes of the bytes; `Refused` says why nothing."""
        process = self._started()
        try:
            _send(process.stdin, content)
            answer = _receive(process.stdout, time.monotonic() + WALL_SECONDS)
        except (BrokenPipeError, EOFError, TimeoutError) as error:
            raise Refused(self._end()) from error
        if answer[:1] == REFUSED:
            raise Refused(answer[1:].decode())
        return answer[1:]

    def close(self) -> None:
        """Lets the process go: it ends when nobody can ask it any more."""
        if self._process is None or self._complaints is None:
            return
        for pipe in (self._process.stdin, self._process.stdout, self._complaints):
            if pipe is not None:
                pipe.close()
        self._process.wait()
        self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # a pipe could fill up, and block what writes to it
            command = [sys.executable, "-m", "smelt.corpus.collect.apart", self._kind]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, bufsize=0
            )
        return self._process

    def _end(self) -> str:
        """Ends the process; gives why it was to end."""
        process, complaints = self._process, self._complaints
        if process is None or complaints is None:
            return "was never begun"
        try:
            status = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            complaints.close()
            return f"takes more than {WALL_SECONDS:.0f} s"
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None
        with complaints:
            complaints.seek(max(complaints.seek(0, os.SEEK_END) - TAIL, 0))
            return _cause(status, complaints.read().decode(errors="replace"))


@cache
def apart(kind: Kind) -> Apart:
    """The one process of a kind that this process has; let go when this one ends."""
    only = Apart(kind)
    atexit.register(only.close)
    return only


def serve(kind: Kind) -> None:
    """Answers records until the reader hangs up; what a task raises but `Refused` ends the process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    module, name = TASKS[kind]
    task: Callable[[bytes], bytes] = getattr(import_module(module), name)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while head := requests.read(LENGTH.size):
        content = requests.read(LENGTH.unpack(head)[0])
        _limit_time()
        try:
            answer = DONE + task(content)
        except MemoryError:
            answer = REFUSED + f"takes more than {MEMORY:,} bytes of memory".encode()
        except Refused as problem:
            answer = REFUSED + str(problem).encode(errors="replace")
        answers.write(LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _limit_time() -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = int(usage.ru_utime + usage.ru_stime) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def _send(pipe: IO[bytes] | None, content: bytes) -> None:
    left = memoryview(LENGTH.pack(len(content)) + content)
    while pipe is not None and left:
        left = left[pipe.write(left) :]


def _receive(pipe: IO[bytes] | None, until: float) -> bytes:
    return _read(pipe, LENGTH.unpack(_read(pipe, LENGTH.size, until))[0], until)


def _read(pipe: IO[bytes] | None, size: int, until: float) -> bytes:
    read = bytearray()
    while pipe is not None and len(read) < size:
        if not select.select([pipe], [], [], max(until - time.monotonic(), 0))[0]:
            raise TimeoutError
        block = os.read(pipe.fileno(), size - len(read))
        if not block:
            raise EOFError
        read += block
    return bytes(read)


def _cause(status: int, said: str) -> str:
    if status == -signal.SIGXCPU:
        return f"takes more than {CPU_SECONDS} s of a processor"
    if status < 0:
        return f"crashed its reader ({signal.Signals(-status).name})"
    lines = said.strip().splitlines()
    return f"broke its reader: {lines[-1] if lines else f'status {status}'}"


if __name__ == "__main__":
    # Under this name, not as __main__: the tasks raise the `Refused` of the imported module.
    import_module("smelt.corpus.collect.apart").serve(sys.argv[1])
