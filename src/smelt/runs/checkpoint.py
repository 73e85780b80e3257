"""A run's state on its way: weights, optimisers and curve in one safetensors file, so that a killed run goes on.

    step -> batch is a function of seed and step alone, so weights, optimisers and the step are all there is to keep

Written whole, with a hash over every tensor; a file that is not what was written is refused and never half used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
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
from smelt.models.stack import Decoder

STATE = "state.safetensors"
EVERY_SECONDS = 30.0
"""Between two checkpoints: what a kill costs at most. Writing 10 MB takes some hundredths of a second."""
Optimisers = Sequence[torch.optim.Optimizer]


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a learning curve."""

    step: int
    """Steps done."""
    n_tokens: int
    """Tokens seen."""
    loss_nats: float
    """Training loss, the mean since the last point."""


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    step: int = 0
    """Steps done."""
    n_tokens: int = 0
    losses: list[float] = field(default_factory=list[float])
    """Of the steps since the last point."""
    curve: list[Point] = field(default_factory=list[Point])


class _State(BaseModel):
    """What the file says beside its tensors."""

    step: int
    n_tokens: int
    losses: list[float]
    curve: list[tuple[int, int, float]]
    hash: str


class Checkpoint:
    """The last state of a run, in a folder that outlives a kill."""

    def __init__(self, folder: Path, *, every_seconds: float = EVERY_SECONDS) -> None:
        self.path = folder / STATE
        self._every, self._last = every_seconds, time.monotonic()

    def save(self, model: Decoder, optimisers: Optimisers, progress: Progress) -> None:
        """Writes the state, if the last was long enough ago."""
        if time.monotonic() - self._last < self._every:
            return
        tensors = dict(_tensors(model, optimisers))
        curve = [(point.step, point.n_tokens, point.loss_nats) for point in progress.curve]
        said = _State(
            step=progress.step, n_tokens=progress.n_tokens, losses=progress.losses, curve=curve, hash=digest(tensors)
        )
        with write_whole(self.path) as path:
            save_file(tensors, path, metadata={"state": json.dumps(said.model_dump())})  # json keeps floats to the bit
        self._last = time.monotonic()

    def restore(self, model: Decoder, optimisers: Optimisers) -> Progress:
        """Puts the last state into model and optimisers, and gives how far it was; the start where there is none.

        InputError where the file is damaged or of another model.
        """
        if not self.path.is_file():
            return Progress()
        tensors, said = self._read()
        if said.hash != digest(tensors):
            raise self._damaged("does not have the hash that it was written with")
        weights = _named(tensors, "model")
        if _shapes(weights) != _shapes(model.state_dict()):
            raise self._damaged("holds a model of another shape")
        model.load_state_dict(weights)
        for i, optimiser in enumerate(optimisers):
            _fill(optimiser, _named(tensors, f"optimiser.{i}"))
        return Progress(said.step, said.n_tokens, said.losses, [Point(*point) for point in said.curve])

    def _read(self) -> tuple[dict[str, Tensor], _State]:
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = cast("dict[str, str]", file.metadata() or {})
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, _State.model_validate(json.loads(metadata["state"]))
        except (SafetensorError, KeyError, ValueError) as error:
            raise self._damaged(f"cannot be read: {error}") from error

    def _damaged(self, what: str) -> InputError:
        return InputError(where=str(self.path), what=what, do="remove it: the run then starts anew")


def digest(tensors: dict[str, Tensor]) -> str:
    """A hash over names, shapes and values."""
    found = xxhash.xxh3_128()
    for name in sorted(tensors):
        found.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _tensors(model: Decoder, optimisers: Optimisers) -> list[tuple[str, Tensor]]:
    """All of the state by name; a tied head once more, which costs little."""
    found = [(f"model.{name}", weight.clone()) for name, weight in model.state_dict().items()]
    for i, optimiser in enumerate(optimisers):
        for place, state in optimiser.state_dict()["state"].items():
            found += [(f"optimiser.{i}.{place}.{name}", value) for name, value in state.items()]
    return found


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
