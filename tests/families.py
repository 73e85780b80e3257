"""One small family of each kind, with what it is asked: what loops, kills and parallel runs are tested on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from smelt.models.config import ModelConfig
from smelt.models.sizes import Family
from smelt.models.stack import Model, build_model
from smelt.runs.batch import Batch
from smelt.runs.objective import Objective
from smelt.tokens.sampler import Sampler
from token_files import chain

VOCAB, CONTEXT, ROWS = 64, 16, 4
STREAM = chain(20_000, vocab=VOCAB, seed=0)
BERT = {
    "kind": "encoder", "norm": "layer", "norm_place": "after", "positions": "learned", "feed_forward": "gelu",
    "bias": True, "embedding_norm": True, "token_types": 1, "head": "transform", "ff_ratio": 4.0, "tied": True,
}  # fmt: skip
T5 = {
    "kind": "encoder-decoder", "positions": "t5", "feed_forward": "relu", "scaled_scores": False, "tied": True,
    "scaled_head": True, "ff_ratio": 4.0,
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A family, its objective, and how it is trained."""

    family: dict[str, Any] = field(default_factory=dict[str, Any])
    objective: Objective = Objective()  # noqa: RUF009
    hparams: dict[str, Any] = field(default_factory=dict[str, Any])

    def config(self, d_model: int = 16) -> ModelConfig:
        vocab = VOCAB + self.objective.extra_ids(CONTEXT)
        return Family.model_validate({"context": CONTEXT, **self.family}).shape(vocab=vocab, d_model=d_model)

    def model(self, d_model: int = 16, seed: int = 0) -> Model:
        return build_model(self.config(d_model), torch.Generator().manual_seed(seed))

    def batches(self, rows: int = ROWS) -> Callable[[int], Batch]:
        stride, row = CONTEXT * self.objective.segments, self.objective.row(CONTEXT)
        sampler = Sampler(n_tokens=len(STREAM), context=stride, batch=rows, seed=0)

        def batch(step: int) -> Batch:
            ids = STREAM[sampler.starts(step)[:, None] + np.arange(row)]
            return Batch.of(self.objective.ask(ids, vocab=VOCAB, end=0, seed=(0, step)))

        return batch


MASKED, SPANS = Objective(kind="masked"), Objective(kind="spans")
KINDS: dict[str, Kind] = {
    "Llama": Kind(),
    "Qwen3, documents apart": Kind({"qk_norm": True}, Objective(within_documents=True)),
    "GPT-2, AdamW": Kind(
        {"norm": "layer", "positions": "learned", "feed_forward": "gelu-tanh", "bias": True, "tied": True},
        hparams={"optimiser": "adamw", "matrix_lr": 0.003, "clip": 1.0},
    ),
    "prefix, Adafactor": Kind({}, Objective(kind="prefix"), {"optimiser": "adafactor", "matrix_lr": 0.01}),
    "Mixtral, one shared": Kind({"experts": {"n": 4, "top_k": 2, "shared": 1}}),
    "BERT": Kind(BERT, MASKED),
    "ALBERT": Kind({**BERT, "shared_layers": True, "d_embedding": 12}, MASKED),
    "Longformer": Kind({**BERT, "window": 4, "global_tokens": True}, MASKED),
    "windows": Kind({"window": 5}),
    "Transformer-XL": Kind({"positions": "transformer-xl", "memory": 16}, Objective(segments=3)),
    "T5": Kind(T5, SPANS),
    "Switch": Kind(
        {**T5, "experts": {"n": 4, "top_k": 1, "normalised": False, "capacity": 6, "every": 2}},
        SPANS,
        {"spike": 5.0},
    ),
    "Marian, dropped and averaged": Kind(
        {**T5, "norm": "layer", "norm_place": "after", "positions": "sinusoidal", "bias": True, "head_bias": True,
         "scaled_scores": True, "scaled_head": False, "dropout": 0.1, "scaled_embedding": True},
        SPANS,
        {"average": 0.9, "smoothing": 0.1, "precision": "bf16"},
    ),
}  # fmt: skip
