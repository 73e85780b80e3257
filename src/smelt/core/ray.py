"""The same tasks on a Ray cluster: `--on ray` starts or joins one here, `--on ray://host:port` joins that one.

Tasks write to the store, so the store must lie on a file system that all nodes share, and smelt must be installed
on each. One task takes one core.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Any

import ray
from ray.exceptions import RayTaskError

from smelt.core.local import ONE_THREAD
from smelt.core.work import Task
from smelt.errors import InputError

KNOCK_SECONDS = 5.0
"""How long a cluster's port may take to answer."""


class RayRunner:
    """Runs tasks on a Ray cluster; joins it when the first task comes."""

    name = "ray"

    def __init__(self, address: str | None = None) -> None:
        self.address = address
        """`ray://host:port`, `host:port`, or None for a running local cluster, else a new one."""
        self._joined = False

    @property
    def workers(self) -> int:
        """The cluster's cores, which joins it."""
        self._join()
        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def run(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Runs all, submitted in the order given; yields each as it ends; raises what a task raised."""
        if not tasks:
            return
        self._join()
        remote = ray.remote(num_cpus=1)(_run)
        pending: dict[Any, Task] = {remote.remote(task): task for task in tasks}
        try:
            while pending:
                done, _ = ray.wait(list(pending), num_returns=1)
                for reference in done:
                    task = pending.pop(reference)
                    _finish(reference)
                    yield task
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)

    def close(self) -> None:
        """Leaves the cluster; one that was started here ends."""
        if self._joined:
            ray.shutdown()
            self._joined = False

    def _join(self) -> None:
        if self._joined:
            return
        environment = {"env_vars": dict(ONE_THREAD)}
        try:
            _knock(self.address)  # Ray itself tries for minutes before it says that nobody is there
            ray.init(
                address=self.address,
                runtime_env=environment,
                log_to_driver=False,
                ignore_reinit_error=True,
                include_dashboard=False if self.address is None else None,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                where=f"--on {self.address or 'ray'}",
                what=f"no Ray cluster can be joined: {error}",
                expected="a running cluster of the same Ray and Python versions",
                do="look at `ray status` on the head node; without --on the run uses this machine's processes",
            ) from error
        self._joined = True


def _knock(address: str | None) -> None:
    if address is None:
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS):
        pass


def _run(task: Task) -> None:
    task.run()


def _finish(reference: Any) -> None:
    try:
        ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, BaseException):
            raise error.cause from error
        raise
