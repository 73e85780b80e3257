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
from smelt.runs.branches import STATE
from smelt.runs.loss import Learner
from smelt.runs.world import World

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
    world: World = field(default_factory=World)
    """The processes that share it."""


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
    changes: list[str] = []


class Checkpoint:
    """The last states of a run, in a folder that outlives a kill."""

    def __init__(
        self,
        folder: Path,
        *,
        every_seconds: float = EVERY_SECONDS,
        setting: str = "",
        accepts_change: bool = False,
        start: Path | None = None,
        kept: Path | None = None,
        kept_steps: frozenset[int] = frozenset(),
    ) -> None:
        self._folder, self._every, self._last = folder, every_seconds, time.monotonic()
        self._start, self._kept, self._kept_steps = start, kept or folder, kept_steps
        self._setting, self._accepts_change = setting, accepts_change
        self.changes: list[str] = []
        """Settings in which the run was begun, and those in which it was gone on with instead."""
        self.resumed = Progress()
        """What was learned before this process."""

    @property
    def paths(self) -> list[Path]:
        """The states that there are, the last first."""
        return sorted(self._folder.glob(STATE.replace("{:09d}", "*")), reverse=True)

    def save(self, trainee: Trainee, progress: Progress) -> None:
        """Writes the state, if the last was long enough ago or it is to be kept: of several processes the first, of
        what all have."""
        world, is_kept = trainee.world, progress.step in self._kept_steps
        is_due = world.agree(time.monotonic() - self._last >= self._every)
        if not is_due and not is_kept:
            return
        tensors = dict(_tensors(trainee))
        if world.rank == 0 and is_kept:
            self._kept.mkdir(parents=True, exist_ok=True)
            self._write(self._kept, tensors, progress)
        if world.rank == 0 and is_due:
            self._write(self._folder, tensors, progress)
            for old in self.paths[KEPT:]:
                old.unlink()
        self._last = time.monotonic() if is_due else self._last

    def _write(self, folder: Path, tensors: dict[str, Tensor], progress: Progress) -> None:
        said = _State(
            step=progress.step, n_tokens=progress.n_tokens, losses=progress.losses, norms=progress.norms,
            curve=[(point.step, point.n_tokens, point.loss_nats, point.skipped) for point in progress.curve],
            skipped=progress.skipped, setting=self._setting, hash=digest(tensors), changes=self.changes,
        )  # fmt: skip
        with write_whole(folder / STATE.format(progress.step)) as path:
            save_file(tensors, path, metadata={"state": json.dumps(said.model_dump())})  # json keeps floats to the bit

    def restore(self, trainee: Trainee) -> Progress:
        """Puts the last state into model and optimisers, and gives how far it was; where there is none, what the run
        starts from, be that another's state.

        InputError where the file is damaged or of another model, or the run was begun with another setting and a change
        is not accepted.
        """
        path = next(iter(self.paths), self._start)
        if path is None:
            return Progress()
        tensors, said = self._read(path)
        if said.hash != digest(tensors):
            raise self._damaged(path, "does not have the hash that it was written with")
        self._check_setting(path, said)
        weights, world = _named(tensors, "model"), trainee.world
        if _shapes(weights) != _shapes(trainee.model.state_dict()):
            raise self._damaged(path, "holds a model of another shape")
        trainee.model.load_state_dict(_placed(weights, trainee.model.state_dict(), world))
        _fill(trainee, _named(tensors, "optimiser"))
        if trainee.average is not None:
            averages = trainee.average.tensors
            averages.update(_placed(_named(tensors, "average"), averages, world))
        curve = [Point(*point) for point in said.curve]
        self.resumed = Progress(said.step, said.n_tokens)
        return Progress(said.step, said.n_tokens, said.losses, curve, said.norms, said.skipped)

    def _check_setting(self, path: Path, said: _State) -> None:
        self.changes = said.changes
        if said.setting == self._setting:
            return
        if not self._accepts_change:
            raise InputError(
                where=str(path), what=f"was written by a run of {said.setting}", expected=self._setting,
                do="go on as it was begun, or accept the change (machine.accept_change): it will be recorded",
            )  # fmt: skip
        self.changes = [*said.changes, f"step {said.step}: {said.setting}, then {self._setting}"]

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
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _tensors(trainee: Trainee) -> Iterator[tuple[str, Tensor]]:
    """All of the state by name, on the CPU; a tied head once more, which costs little."""
    whole = trainee.world.gathered
    for name, weight in trainee.model.state_dict().items():
        yield f"model.{name}", whole(weight).clone()
    for name, weight in trainee.model.named_parameters():
        for optimiser in trainee.optimisers:
            state = cast("dict[str, Tensor]", optimiser.state.get(weight, {}))
            yield from ((f"optimiser.{key}.{name}", whole(value)) for key, value in state.items())
    if trainee.average is not None:
        yield from ((f"average.{name}", whole(mean)) for name, mean in trainee.average.tensors.items())


def _placed(tensors: dict[str, Tensor], like: Mapping[str, Tensor], world: World) -> dict[str, Tensor]:
    """Whole tensors laid out as those of the same names."""
    return {name: world.placed(tensor, like[name]) for name, tensor in tensors.items()}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}


def _fill(trainee: Trainee, tensors: dict[str, Tensor]) -> None:
    """The optimisers' state from tensors named `key.parameter`; what has a parameter's shape is laid out as that."""
    parameters = dict(trainee.model.named_parameters())
    owners = {id(one): optimiser for optimiser in trainee.optimisers for one in _parameters(optimiser)}
    for name, value in tensors.items():
        key, _, parameter = name.partition(".")
        like = parameters[parameter]
        placed = trainee.world.placed(value, like) if value.shape == like.shape else value.to(like.device)
        owners[id(like)].state[like][key] = placed


def _parameters(optimiser: torch.optim.Optimizer) -> Iterator[Tensor]:
    for group in optimiser.param_groups:
        yield from group["params"]
