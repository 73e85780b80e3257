"""Batch and learning rates that follow from size: set once for a ladder, right for each of its models.

A ladder compares sizes, so each must be trained as well as the next: a learning rate that suits one width only bends
the curve and moves its minimum. Muon's updates have the same size at every width, and its learning rate needs no rule
(Jordan et al. 2024). A step of the head changes logits in proportion to its width, so its learning rate falls as 1/d
(Yang et al. 2021); an embedding's does not. All rise with the square root of the batch (Malladi et al. 2022), and the
batch with the tokens to train on (Li et al. 2025 find D^.57, nanochat D^.38; .4 here).

The constants were measured on a ladder's own sizes, widths 16 to 64 at 6e10 to 5.4e11 FLOPs (2026-11): halving or
doubling a learning rate costs up to .03 bits a byte for the matrices and .015 elsewhere, with no trend over width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from smelt.runs.schedule import Schedule

REFERENCE_BATCH_TOKENS = 2048
"""The batch at which the learning rates below are meant."""
REFERENCE_WIDTH = 64
"""The width at which the head's learning rate is meant."""
REFERENCE_TOKENS = 5e5
"""The training tokens at which the batch is meant."""
BATCH_EXPONENT = 0.4


class Hparams(BaseModel):
    """The constants of the rules; each a peak learning rate at a batch of 2,048 tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    matrix_lr: float = Field(default=0.045, gt=0)
    """Muon, the matrices between embedding and head."""
    embedding_lr: float = Field(default=0.25, gt=0)
    """AdamW, the embedding (and the head, if tied)."""
    head_lr: float = Field(default=0.06, gt=0)
    """AdamW, an untied head of width 64; as 1/d at other widths."""
    norm_lr: float = Field(default=0.003, gt=0)
    """AdamW, the gains of the norms."""
    batch_tokens: float = Field(default=900, gt=0)
    """Tokens a step of a run on 500,000 tokens; as D^.4. With 600, runs are up to .008 bits a byte better and a fifth
    slower."""
    schedule: Schedule = Schedule()
    """Of all learning rates alike."""
    clip: float | None = Field(default=None, gt=0)
    """Norm over all parameters that a step's gradient is cut to; none is never cut."""

    optimiser: Literal["muon", "adamw", "adafactor"] = "muon"
    """Of the matrices: Muon; AdamW, at `matrix_lr` as it stands; or Adafactor (Shazeer and Stern 2018), whose state is
    of a row and a column, and of everything then."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Share of a matrix that a step takes away, times its learning rate (Loshchilov and Hutter 2019)."""
    average: float | None = Field(default=None, gt=0, lt=1)
    """Decay of a moving average of the weights that is kept in their place; none keeps the last."""
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the probability wanted that is spread over all tokens (Szegedy et al. 2016; .1 in translation)."""
    spike: float | None = Field(default=None, gt=1)
    """A step is left out whose gradient is so many times as long as the median of the last 64; none leaves out those
    alone that are no numbers."""
    rule: Literal["ladder", "step-law", "olmo", "marin", "nanochat", "mup"] = "ladder"
    """Whose batch and learning rates: those above, or a published rule's in their place (see `rules`)."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """What matrix products are computed in; weights and optimisers are fp32 either way."""

    @property
    def speed(self) -> float:
        """About how many times as fast as in fp32."""
        return BF16_SPEED if self.precision == "bf16" else 1.0

    @model_serializer(mode="wrap")
    def _without_later(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As constants were written before there were others: their runs keep their names in the store."""
        plain = {name: field.get_default() for name, field in Hparams.model_fields.items() if name not in FIRST}
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if name in FIRST or getattr(self, name) != plain[name]}


BF16_SPEED = 3.3
"""How many times as fast a run is in bf16 (524 against 160 CPU-seconds, a decoder of 1M parameters without embeddings,
one core with AVX512-BF16, 2026-11: `python -m benchmarks training-quality`)."""
FIRST = {"matrix_lr", "embedding_lr", "head_lr", "norm_lr", "batch_tokens"}
"""Fields that the first runs had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRates:
    """Peak learning rates of one run, by kind of parameter."""

    matrix: float
    embedding: float
    head: float
    norm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a run's tokens are cut into steps."""

    steps: int
    windows: int
    """A step."""
    batch_tokens: int
    """A step."""

    @property
    def n_tokens(self) -> int:
        """Tokens of all steps."""
        return self.steps * self.batch_tokens


def pace(hparams: Hparams, *, n_tokens: float, context: int) -> Pace:
    """Steps of whole windows that come nearest to `n_tokens`; at least one of one.

    >>> pace(Hparams(), n_tokens=5e5, context=128)
    Pace(steps=781, windows=5, batch_tokens=640)
    """
    wanted = hparams.batch_tokens * (n_tokens / REFERENCE_TOKENS) ** BATCH_EXPONENT
    windows = max(1, round(wanted / context))
    batch_tokens = windows * context
    return Pace(steps=max(1, round(n_tokens / batch_tokens)), windows=windows, batch_tokens=batch_tokens)


def learning_rates(hparams: Hparams, *, d_model: int, batch_tokens: int) -> LearningRates:
    """The peak learning rates of a model of a width at a batch."""
    scale = (batch_tokens / REFERENCE_BATCH_TOKENS) ** 0.5
    return LearningRates(
        matrix=scale * hparams.matrix_lr,
        embedding=scale * hparams.embedding_lr,
        head=scale * hparams.head_lr * REFERENCE_WIDTH / d_model,
        norm=scale * hparams.norm_lr,
    )
