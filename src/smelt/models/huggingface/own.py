"""Shapes that no family of transformers has: in a folder of the same files, under smelt's own names."""

from __future__ import annotations

from smelt.models.config import ModelConfig
from smelt.models.huggingface.family import Config, Family, Weights


class Own(Family):
    """What smelt alone reads."""

    model_type, architecture = "smelt", "Decoder"

    def is_of(self, config: ModelConfig) -> bool:
        """Any shape."""
        return True

    def to_config(self, config: ModelConfig) -> Config:
        """The shape as it is."""
        return {"shape": config.model_dump(mode="json")}

    def from_config(self, config: Config) -> ModelConfig:
        """The same back."""
        return ModelConfig.model_validate(config["shape"])

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """As they are."""
        return weights

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """As they are."""
        return weights
