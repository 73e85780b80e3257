"""What a family of models is here: how its configuration reads, and what its weights are called.

Names are given as pairs, ours and theirs, with `{}` where a layer's number stands. A family whose weights are laid out
otherwise (transposed, or several in one) says so in `Family.export` and `Family.take`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping

from pydantic import JsonValue
from torch import Tensor

from smelt.models.config import ModelConfig

Config = dict[str, JsonValue]
Weights = dict[str, Tensor]
HEAD = "lm_head.weight"


class Family(ABC):
    """A kind of model that transformers has a class for."""

    model_type: str
    architecture: str
    ignored: str = r"(?!)"
    """A pattern of weights that a folder may hold and smelt has no use for: heads of other tasks, masks."""

    @abstractmethod
    def is_of(self, config: ModelConfig) -> bool:
        """Whether a shape is one of this family."""

    @abstractmethod
    def to_config(self, config: ModelConfig) -> Config:
        """transformers' configuration of a shape, without its kind."""

    @abstractmethod
    def from_config(self, config: Config) -> ModelConfig:
        """The shape in transformers' configuration. ValueError says what of it smelt cannot compute."""

    @abstractmethod
    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """Our weights as theirs; a tied head is among neither."""

    @abstractmethod
    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """Their weights as ours."""


def values(config: ModelConfig, fields: Mapping[str, str]) -> Config:
    """Those of our `fields` under their names."""
    return {theirs: getattr(config, ours) for ours, theirs in fields.items()}


def renamed(weights: Weights, names: Mapping[str, str]) -> Weights:
    """The weights under other names, each module's from `names`, where `{}` stands for a layer's number.

    What is not among the names keeps its own, and is found to be too many.

    >>> renamed({"layers.3.mlp.up_proj.bias": x}, {"layers.{}.mlp.up_proj": "h.{}.fc"})     # doctest: +SKIP
    {"h.3.fc.bias": x}
    """
    found: Weights = {}
    for name, weight in weights.items():
        module, _, kind = name.rpartition(".")
        number = re.search(r"(?<=\.)\d+(?=\.)", module)
        pattern = module if number is None else f"{module[: number.start()]}{{}}{module[number.end() :]}"
        place = number.group() if number else ""
        found[f"{names[pattern].format(place)}.{kind}" if pattern in names else name] = weight
    return found


def turned_round(names: Mapping[str, str]) -> dict[str, str]:
    """Their names to ours, of ours to theirs."""
    return {theirs: ours for ours, theirs in names.items()}


def refuse(config: Config, wanted: Mapping[str, object]) -> None:
    """ValueError where a setting is there and another than what smelt computes."""
    for name, value in wanted.items():
        if name in config and config[name] != value:
            raise ValueError(f"{name} is {config[name]!r}; expected {value!r}")
