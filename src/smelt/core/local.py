"""Tasks on this machine's processes: one a core, each with one thread.

Two processes of one thread train tiny models 1.35 times as fast as one of two, and shards need nothing from each
other, so native threads are limited to one a worker. Workers are started once a session (spawned: forking a
process that has threads of numba or Polars can hang) and leave when their parent is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from smelt.core.work import Task
from smelt.errors import WorkerKilled

ONE_THREAD: dict[str, str] = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)
"""Read by the libraries when they are first imported: set before a worker starts."""

ORPHAN_SECONDS = 0.5
"""How often a worker looks whether its parent still lives: the longest that it outlives it."""


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0))


class LocalRunner:
    """Runs tasks on spawned processes, which live until `close`."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or available_cores()
        self._pool: ProcessPoolExecutor | None = None

    @property
    def name(self) -> str:
        """What the manifest calls it."""
        return f"{self.workers} processes"

    def run(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Runs all, started in the order given; yields each as it ends; raises what a task raised."""
        if not tasks:
            return
        pending = {self._submit(task): task for task in tasks}
        try:
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    task = pending.pop(future)
                    _finish(future, task)
                    yield task
        except WorkerKilled:
            self.close()  # a pool that lost a worker takes no more tasks
            raise
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """Ends the workers at once: what they were doing is done again by the next run."""
        if self._pool is None:
            return
        processes = list(self._pool._processes.values())  # pyright: ignore[reportPrivateUsage]  # no public way
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._pool = None

    def _submit(self, task: Task) -> Future[None]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, context, leave_with_parent, (os.getpid(),))
        with _environment(ONE_THREAD), main_hidden(task):  # the first submit starts the processes
            return self._pool.submit(task.run)


def _finish(future: Future[None], task: Task) -> None:
    try:
        future.result()
    except BrokenProcessPool as error:
        raise WorkerKilled(
            where=f"{task.record.parent.name} {task.record.stem}",
            what="a worker process was killed from outside; most often the machine ran out of memory",
            do="run the same command again with fewer workers (--workers 1): finished parts are kept",
        ) from error


def leave_with_parent(parent: int) -> None:
    """Ends this process soon after its parent has ended, however that came; Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_SECONDS)
    os._exit(1)


@contextmanager
def main_hidden(task: object) -> Generator[None]:
    """Keeps new workers from importing the user's script, unless their task is made of something defined in it.

    Spawned processes import the main script first, and one without `if __name__ == "__main__"` would start all over.
    """
    main = sys.modules["__main__"]
    if b"__main__" in pickle.dumps(task):
        yield
        return
    before = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(before)


@contextmanager
def _environment(values: Mapping[str, str]) -> Generator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
