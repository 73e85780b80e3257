"""Numbers of a run told to TensorBoard, Weights & Biases or MLflow, each of them where it is installed.

All write to disk alone, W&B offline unless WANDB_MODE says otherwise: nothing leaves the machine unasked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from smelt.errors import InputError
from smelt.runs.watch import Tracker

Tell = Callable[[int, Mapping[str, float]], None]
"""A step, and numbers by name."""


def open_tracker(tracker: Tracker, folder: Path, run: str) -> Tell:
    """Where the numbers of a run go, with files below a folder; InputError where it is not installed."""
    return {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}[tracker](folder / tracker, run)


def _tensorboard(folder: Path, run: str) -> Tell:
    _found("tensorboard", "tensorboard")
    writer: Any = _found("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder / run))

    def tell(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return tell


def _wandb(folder: Path, run: str) -> Tell:
    module = _found("wandb", "wandb")
    folder.mkdir(parents=True, exist_ok=True)
    mode = os.environ.get("WANDB_MODE", "offline")
    session: Any = module.init(project="smelt", name=run, dir=str(folder), mode=mode, reinit="create_new")

    def tell(step: int, values: Mapping[str, float]) -> None:
        session.log(dict(values), step=step)

    return tell


def _mlflow(folder: Path, run: str) -> Tell:
    module = _found("mlflow", "mlflow")
    folder.mkdir(parents=True, exist_ok=True)
    client: Any = module.MlflowClient(f"sqlite:///{folder.resolve()}/mlflow.db")
    experiment = client.get_experiment_by_name("smelt")
    number = experiment.experiment_id if experiment else client.create_experiment("smelt")
    session = client.create_run(number, run_name=run).info.run_id

    def tell(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            client.log_metric(session, name, value, step=step)

    return tell


def _found(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            where="watch.trackers", what=f"{extra} is not installed", do=f"pip install 'smelt[{extra}]'"
        ) from error
