"""A model's folder as transformers has it: config.json, and weights in one safetensors file or in shards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from pydantic import JsonValue, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from smelt.core.shards import read_json, write_json, write_whole
from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.huggingface.bert import Albert, Bert, Longformer
from smelt.models.huggingface.family import HEAD, Config, Family, Weights
from smelt.models.huggingface.gpt2 import GPT2
from smelt.models.huggingface.llama import Llama, Qwen3
from smelt.models.huggingface.marian import Marian
from smelt.models.huggingface.mixtral import Mixtral, Olmoe
from smelt.models.huggingface.own import Own
from smelt.models.huggingface.t5 import T5, Switch
from smelt.models.stack import Decoder, Model, build_model

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
ALL = (Llama(), Qwen3(), GPT2(), Mixtral(), Olmoe(), Bert(), Albert(), Longformer(), T5(), Switch(), Marian(), Own())
FAMILIES: dict[str, Family] = {family.model_type: family for family in ALL}
"""By transformers' `model_type`; the last takes what none of its families has."""


def save(model: Model, folder: Path) -> None:
    """Writes config.json and model.safetensors into `folder`: as transformers has them, where it has the shape."""
    write_json(folder / CONFIG, to_config(model.config))
    with write_whole(folder / WEIGHTS) as path:
        save_file(to_weights(model), path, metadata={"format": "pt"})


def load(folder: Path) -> Model:
    """The model in `folder`: smelt's, or any of `FAMILIES` as transformers or its makers wrote it.

    InputError says what is another kind, what smelt cannot compute, and which weights are missing, too many or of
    another shape.
    """
    config = cast("Config", read_json(folder / CONFIG))
    kind = config.get("model_type")
    family = FAMILIES.get(str(kind))
    if family is None:
        expected = f"{', '.join(list(FAMILIES)[:-1])} or {list(FAMILIES)[-1]}"
        raise InputError(where=str(folder / CONFIG), what=f"the model type is {kind!r}", expected=expected)
    try:
        shape = family.from_config(config)
    except (ValidationError, ValueError, KeyError) as error:
        raise InputError(where=str(folder / CONFIG), what=_complaint(error)) from error
    model = build_model(shape, torch.Generator())
    _fill(model, _read(folder), family, folder)
    return model


def load_decoder(folder: Path) -> Decoder:
    """Likewise, where only a model that goes from left to right will do."""
    model = load(folder)
    if isinstance(model, Decoder):
        return model
    what = f"holds an {model.config.kind}, which does not say what comes next"
    raise InputError(where=str(folder), what=what, expected="a decoder")


def to_config(config: ModelConfig) -> dict[str, JsonValue]:
    """A transformers configuration."""
    family = family_of(config)
    return {
        "architectures": [family.architecture],
        "model_type": family.model_type,
        "torch_dtype": "float32",
        "bos_token_id": None,
        "eos_token_id": None,
        **family.to_config(config),
    }


def to_weights(model: Model) -> dict[str, Tensor]:
    """The weights under transformers' names; a tied head is left out, being the embedding."""
    return family_of(model.config).export(_weights(model), model.config)


def family_of(config: ModelConfig) -> Family:
    """The family that has such a shape; `Own` where transformers has none."""
    return next(family for family in FAMILIES.values() if family.is_of(config))


def known_families() -> list[str]:
    """The kinds of models that transformers has too, by its names."""
    return [name for name, family in FAMILIES.items() if not isinstance(family, Own)]


def _read(folder: Path) -> Weights:
    """All weights of a folder, shard by shard where there is an index."""
    if not (folder / INDEX).is_file():
        return load_file(folder / WEIGHTS)
    index = cast("dict[str, dict[str, str]]", read_json(folder / INDEX))
    weights: Weights = {}
    for name in sorted(set(index["weight_map"].values())):
        if not (folder / name).is_file():
            raise InputError(where=str(folder / INDEX), what=f"names {name}, which is not there", do="fetch it too")
        weights |= load_file(folder / name)
    return weights


def _fill(model: Model, weights: Weights, family: Family, folder: Path) -> None:
    """Puts the weights into the model, in its own precision."""
    used = {name: weight for name, weight in weights.items() if not re.fullmatch(family.ignored, name)}
    if model.config.tied:
        used.pop(HEAD, None)  # a copy of the embedding, which some folders hold
    try:
        ours = family.take(used, model.config)
    except KeyError as error:
        raise InputError(where=str(folder), what=f"lacks the weight {error.args[0]}") from error
    wanted = _weights(model)
    wrong = list(_wrong(wanted, ours))
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise InputError(where=str(folder), what="; ".join(wrong[:3]) + more)
    with torch.no_grad():
        for name, weight in wanted.items():
            weight.copy_(ours[name])


def _weights(model: Model) -> Weights:
    """By name, one that is used twice once."""
    return {name: weight.detach() for name, weight in model.named_parameters()}


def _wrong(wanted: Weights, found: Weights) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"lacks the weight {name}"
        elif name not in wanted:
            yield f"holds {name}, which such a model has not"
        elif wanted[name].shape != found[name].shape:
            yield f"{name} is {tuple(found[name].shape)}, and config.json says {tuple(wanted[name].shape)}"


def _complaint(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the shape'}: {first['msg'].removeprefix('Value error, ')}"
    return f"lacks {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
