"""A run's state on its way: weights, optimisers and curve in one safetensors file, so that a killed run goes on.

    step -> batch is a function of seed and step alone, so weights, optimisers and the step are all there is to keep

Written whole, with a hash over every tensor; a file that is not what was written is refused and never half used. The
last two are kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
import xxhash
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from smelt.core.shards import write_whole
from smelt.errors import InputError
from smelt.runs.average import Average
from smelt.runs.loss import Learner

STATE = "state-{:09d}.safetensors"
EVERY_SECONDS = 30.0
"""Between two checkpoints: what a kill costs at most. Writing 10 MB takes some hundredths of a second."""
KEPT = 2
"""Should a disk lose the last, the one before is there (taste)."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a learning curve."""

    step: int
    """Steps done."""
    n_tokens: int
    """Tokens seen."""
    loss_nats: float
    """Training loss, the mean since the last point."""
    skipped: int = 0
    """Steps left out so far."""


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    step: int = 0
    """Steps done."""
    n_tokens: int = 0
    losses: list[float] = field(default_factory=list[float])
    """Of the steps since the last point."""
    curve: list[Point] = field(default_factory=list[Point])
    norms: list[float] = field(default_factory=list[float])
    """Of the gradients of the last steps, where a guard asks for them."""
    skipped: list[int] = field(default_factory=list[int])
    """Steps whose gradient was thrown away."""


@dataclass(frozen=True, slots=True, eq=False)
class Trainee:
    """What a step changes."""

    model: Learner
    optimisers: Sequence[torch.optim.Optimizer]
    average: Average | None = None


class _State(BaseModel):
    """What the file says beside its tensors."""

    step: int
    n_tokens: int
    losses: list[float]
    curve: list[tuple[int, int, float, int]]
    norms: list[float]
    skipped: list[int]
    setting: str
    hash: str


class Checkpoint:
    """The last states of a run, in a folder that outlives a kill."""

    def __init__(
        self, folder: Path, *, every_seconds: float = EVERY_SECONDS, setting: str = "", accepts_change: bool = False
    ) -> None:
        self._folder, self._every, self._last = folder, every_seconds, time.monotonic()
        self._setting, self._accepts_change = setting, accepts_change
        self.changes: list[str] = []
        """Settings that a run was gone on with, other than those it was begun with."""

    @property
    def paths(self) -> list[Path]:
        """The states that there are, the last first."""
        return sorted(self._folder.glob(STATE.replace("{:09d}", "*")), reverse=True)

    def save(self, trainee: Trainee, progress: Progress) -> None:
        """Writes the state, if the last was long enough ago."""
        if time.monotonic() - self._last < self._every:
            return
        tensors = dict(_tensors(trainee))
        said = _State(
            step=progress.step, n_tokens=progress.n_tokens, losses=progress.losses, norms=progress.norms,
            curve=[(point.step, point.n_tokens, point.loss_nats, point.skipped) for point in progress.curve],
            skipped=progress.skipped, setting=self._setting, hash=digest(tensors),
        )  # fmt: skip
        with write_whole(self._folder / STATE.format(progress.step)) as path:
            save_file(tensors, path, metadata={"state": json.dumps(said.model_dump())})  # json keeps floats to the bit
        for old in self.paths[KEPT:]:
            old.unlink()
        self._last = time.monotonic()

    def restore(self, trainee: Trainee) -> Progress:
        """Puts the last state into model and optimisers, and gives how far it was; the start where there is none.

        InputError where the file is damaged or of another model, or the run was begun with another setting and a change
        is not accepted.
        """
        if not self.paths:
            return Progress()
        path = self.paths[0]
        tensors, said = self._read(path)
        if said.hash != digest(tensors):
            raise self._damaged(path, "does not have the hash that it was written with")
        self._check_setting(path, said.setting)
        weights = _named(tensors, "model")
        if _shapes(weights) != _shapes(trainee.model.state_dict()):
            raise self._damaged(path, "holds a model of another shape")
        trainee.model.load_state_dict(weights)
        for i, optimiser in enumerate(trainee.optimisers):
            _fill(optimiser, _named(tensors, f"optimiser.{i}"))
        if trainee.average is not None:
            trainee.average.tensors.update(_named(tensors, "average"))
        curve = [Point(*point) for point in said.curve]
        return Progress(said.step, said.n_tokens, said.losses, curve, said.norms, said.skipped)

    def _check_setting(self, path: Path, begun: str) -> None:
        if begun == self._setting:
            return
        if not self._accepts_change:
            raise InputError(
                where=str(path), what=f"was written by a run of {begun}", expected=self._setting,
                do="go on as it was begun, or accept the change: it will be recorded",
            )  # fmt: skip
        self.changes.append(f"{begun}, then {self._setting}")

    def _read(self, path: Path) -> tuple[dict[str, Tensor], _State]:
        try:
            with safe_open(path, framework="pt") as file:
                metadata = cast("dict[str, str]", file.metadata() or {})
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, _State.model_validate(json.loads(metadata["state"]))
        except (SafetensorError, KeyError, ValueError) as error:
            raise self._damaged(path, f"cannot be read: {error}") from error

    def _damaged(self, path: Path, what: str) -> InputError:
        rest = "goes on from the state before" if len(self.paths) > 1 else "starts anew"
        return InputError(where=str(path), what=what, do=f"remove it: the run then {rest}")


def digest(tensors: dict[str, Tensor]) -> str:
    """A hash over names, shapes and values."""
    found = xxhash.xxh3_128()
    for name in sorted(tensors):
        found.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _tensors(trainee: Trainee) -> Iterator[tuple[str, Tensor]]:
    """All of the state by name, on the CPU; a tied head once more, which costs little."""
    for name, weight in trainee.model.state_dict().items():
        yield f"model.{name}", weight.cpu().clone()
    for i, optimiser in enumerate(trainee.optimisers):
        for place, state in optimiser.state_dict()["state"].items():
            yield from ((f"optimiser.{i}.{place}.{name}", value.cpu()) for name, value in state.items())
    if trainee.average is not None:
        yield from ((f"average.{name}", mean.cpu()) for name, mean in trainee.average.tensors.items())


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}


def _fill(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The optimiser's state from tensors named `place.name`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        place, _, key = name.partition(".")
        state.setdefault(int(place), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
