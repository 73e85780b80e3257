"""Batch and learning rates by a published rule in the place of the ladder's: each names its optimiser and its size.

    ladder      smelt's own, for Muon and small models: see `hparams`
    step-law    Li et al. 2025: lr 1.79 N^-.713 D^.307, batch .58 D^.571 tokens; AdamW
    olmo        Bhagia et al. 2024: lr .00235 (N/108M)^-1/3, batch 2,048 * 160 (N/108M)^2/3 tokens; AdamW
    marin       lr .33 sqrt(batch in sequences) / width, batch that of the ladder; AdamW
    nanochat    batch 2^19 (D/D_d12)^.383 tokens, lr as its square root, from nanochat's own at depth 12; Muon
    mup         the ladder's batch; matrices of AdamW at 1/width, embeddings alike at all widths (Yang et al. 2021)

N has no embeddings, as in the papers. A rule fixes the constants of `Hparams` for one size; what else is asked there
(schedule, clipping, precision) stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smelt.models.config import ModelConfig
from smelt.models.flops import n_params_non_embedding
from smelt.runs.hparams import (
    BATCH_EXPONENT,
    REFERENCE_BATCH_TOKENS,
    REFERENCE_TOKENS,
    REFERENCE_WIDTH,
    Hparams,
)

Optimiser = Literal["muon", "adamw"]
OLMO_N, OLMO_LR, OLMO_BATCH = 108e6, 0.5 * 0.0047, 160 * 2048
"""Bhagia et al. 2024, section 3: half of Porian et al.'s rate."""
NANOCHAT_TOKENS, NANOCHAT_BATCH, NANOCHAT_WIDTH = 1.32e9, 2**19, 768
"""scripts/base_train.py of karpathy/nanochat at 00255c1: depth 12, on 12 tokens for each of the 110M parameters of its
matrices and head (vocabulary 32,768)."""
NANOCHAT_RATES = {"matrix": 0.02, "embedding": 0.3, "head": 0.008, "norm": 0.008}
"""The same; it has no gains of norms, whose rate here is the head's."""
MUP_WIDTH, MUP_LR = 64, 0.01
"""Where the rate is meant: a width of the ladder's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a rule says of one size."""

    optimiser: Optimiser
    batch_tokens: float
    matrix: float
    embedding: float
    head: float
    norm: float


def resolve(hparams: Hparams, config: ModelConfig, n_tokens: float) -> Hparams:
    """The constants with which a model of a shape is trained on some tokens as the rule says."""
    if hparams.rule == "ladder":
        return hparams
    said = setting(hparams, config, n_tokens)
    scale = (said.batch_tokens / REFERENCE_BATCH_TOKENS) ** 0.5  # `learning_rates` multiplies by it
    return hparams.model_copy(
        update={
            "rule": "ladder",
            "optimiser": said.optimiser,
            "batch_tokens": said.batch_tokens / (n_tokens / REFERENCE_TOKENS) ** BATCH_EXPONENT,
            "matrix_lr": said.matrix / scale,
            "embedding_lr": said.embedding / scale,
            "head_lr": said.head / scale * config.d_model / REFERENCE_WIDTH,
            "norm_lr": said.norm / scale,
        }
    )


def setting(hparams: Hparams, config: ModelConfig, n_tokens: float) -> Setting:
    """What `hparams.rule` says, of every rule but the ladder's."""
    n, d = float(n_params_non_embedding(config)), config.d_model
    ladder_batch = hparams.batch_tokens * (n_tokens / REFERENCE_TOKENS) ** BATCH_EXPONENT
    if hparams.rule == "step-law":
        return _alike(1.79 * n**-0.713 * n_tokens**0.307, batch=0.58 * n_tokens**0.571)
    if hparams.rule == "olmo":
        return _alike(OLMO_LR * (n / OLMO_N) ** (-1 / 3), batch=OLMO_BATCH * (n / OLMO_N) ** (2 / 3))
    if hparams.rule == "marin":
        return _alike(0.33 * (ladder_batch / config.context) ** 0.5 / d, batch=ladder_batch)
    if hparams.rule == "mup":
        lr = MUP_LR * MUP_WIDTH / d
        return Setting(optimiser="adamw", batch_tokens=ladder_batch, matrix=lr, embedding=MUP_LR, head=lr, norm=MUP_LR)
    batch = NANOCHAT_BATCH * (n_tokens / NANOCHAT_TOKENS) ** 0.383
    root, by_width = (batch / NANOCHAT_BATCH) ** 0.5, (d / NANOCHAT_WIDTH) ** -0.5
    rates = {kind: root * lr * (1.0 if kind == "matrix" else by_width) for kind, lr in NANOCHAT_RATES.items()}
    return Setting(optimiser="muon", batch_tokens=batch, **rates)


def _alike(lr: float, *, batch: float) -> Setting:
    """AdamW at one rate."""
    return Setting(optimiser="adamw", batch_tokens=batch, matrix=lr, embedding=lr, head=lr, norm=lr)
