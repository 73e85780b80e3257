"""What a family of models is here: how its configuration reads, and what its weights are called.

Names are given as pairs, ours and theirs, with `{}` where a layer's number stands. A family whose weights are laid out
otherwise (transposed, or several in one) says so in `Family.export` and `Family.take`.
"""

from __future__ import annotations

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


def refuse(config: Config, wanted: Mapping[str, object]) -> None:
    """ValueError where a setting is there and another than what smelt computes."""
    for name, value in wanted.items():
        if name in config and config[name] != value:
            raise ValueError(f"{name} is {config[name]!r}; expected {value!r}")
