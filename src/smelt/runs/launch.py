"""Starts what trains: here, or as several processes of this machine, which torchrun's launcher watches over."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from smelt.core.local import leave_with_parent, main_hidden
from smelt.errors import InputError, SmeltError, WorkerKilled
from smelt.runs.machine import Machine
from smelt.runs.world import World

R = TypeVar("R")


def launch(function: Callable[..., R], machine: Machine, *arguments: Any) -> R:
    """What `function(world, *arguments)` gives in the first process; all call it. It and they must be picklable.

    InputError where the device is not there, and what it raises itself; WorkerKilled where a process is killed.
    """
    check_device(machine)
    if machine.processes == 1:
        return function(World(machine), *arguments)
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=machine.processes, rdzv_backend="c10d", rdzv_endpoint="localhost:0",
        run_id=f"smelt-{os.getpid()}", start_method="spawn", max_restarts=0, monitor_interval=0.1,
    )  # fmt: skip
    try:
        with main_hidden((function, arguments)):
            results = elastic_launch(config, _rank)(function, machine, arguments, os.getpid())
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        if first.exitcode >= 0:
            raise  # a fault of smelt's: its traceback is in the message
        raise WorkerKilled(
            where=f"machine of {machine}", what=f"a process was killed by {first.signal_name()}",
            do="run the same command again: it goes on from the last checkpoint; with fewer processes for less memory",
        ) from error  # fmt: skip
    if isinstance(results[0], SmeltError):
        raise results[0]
    return results[0]


def check_device(machine: Machine) -> None:
    """InputError where a device is not there, or there are fewer than processes."""
    if machine.device == "cuda" and (found := torch.cuda.device_count()) < machine.processes:
        raise InputError(
            where=f"machine.device {machine.device}", what=f"{found} of its kind are here",
            expected=f"{machine.processes}, one for each process", do="take device = 'cpu', or fewer processes",
        )  # fmt: skip


def _rank(
    function: Callable[..., R], machine: Machine, arguments: tuple[Any, ...], parent: int
) -> R | SmeltError | None:
    """One process: what the first one's function gave, or a mistake of the user's that it found."""
    from smelt.runs.parallel import Ranks  # loaded where it is needed: half a second

    leave_with_parent(parent)
    torch.set_num_threads(1)
    if machine.device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if machine.device == "cuda" else "gloo")
    try:
        result = function(Ranks(machine), *arguments)
    except SmeltError as error:
        return error
    finally:
        dist.destroy_process_group()
    return result if os.environ["RANK"] == "0" else None
