"""A family of shapes: what stays the same from the smallest model of a ladder to the largest.

One number, the width, sets the shape; depth follows it slowly. Within one budget of a ladder depth is held fixed
and only the width varies, in fine steps: a change of depth is a step in the loss that a parabola cannot follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import takewhile

from pydantic import Field

from smelt.models.architecture import Architecture
from smelt.models.config import ModelConfig
from smelt.models.flops import n_params

HEAD_DIM = 64
"""Width of a head where the model is wide enough (GPT-2, Pythia, Qwen2.5-0.5B)."""
LEAST_HEADS = 2
"""Narrow models keep two heads: at widths 32 and 64, more heads of width 8 lost .01 to .02 bits a byte and a third of
the speed (measured on text like the quickstart's, 2026-11)."""
WIDTH_PER_LAYER = 64
"""d_model over n_layers, as in nanochat; GPT-3 has 64 at 125M, Llama 128."""
LEAST_LAYERS = 2
"""Attention can copy from two layers on (induction heads; Olsson et al. 2022). One layer is .02 to .05 bits a byte
better below 5e11 FLOPs (measured likewise), but says less of what is larger."""
NARROWEST = 8


class Family(Architecture):
    """What the shapes of a ladder have in common."""

    context: int = Field(default=128, ge=8)
    """Tokens a model reads at once. 128 is what a ladder on a CPU affords."""
    tied: bool = False
    """One matrix for embedding and head. Untied is .07 to .1 bits a byte better at 2e11 FLOPs (measured 2026-11)."""
    qk_norm: bool = False
    """Norm on queries and keys, as in Qwen3. No gain at ladder sizes, and up to a fifth slower (measured 2026-11)."""
    ff_ratio: float = Field(default=8 / 3, gt=0)
    """d_ff over d_model: 8/3 gives SwiGLU the parameters of a plain branch of ratio 4 (Shazeer 2020). Experts are each
    as wide as it says; a model's compute is that of those taken."""

    def shape(self, *, vocab: int, d_model: int, n_layers: int | None = None) -> ModelConfig:
        """The model of a width, at the depth of the family or another."""
        n_heads = heads_of(d_model)
        return ModelConfig(
            vocab=vocab,
            context=self.context,
            n_layers=depth_of(d_model) if n_layers is None else n_layers,
            d_model=d_model,
            n_heads=n_heads,
            n_kv_heads=n_heads,
            head_dim=d_model // n_heads,
            d_ff=max(4, 4 * round(self.ff_ratio * d_model / 4)),
            **{name: getattr(self, name) for name in Architecture.model_fields},
        )

    def nearest(self, target: float, *, vocab: int) -> ModelConfig:
        """The model whose number of parameters has the least ratio to `target`.

        >>> Family(tied=True).nearest(1.1e8, vocab=32_000).d_model
        768
        """
        upto = 2 * math.sqrt(target) + NARROWEST  # a model this wide has more than `target` in its first layer alone
        shapes = (self.shape(vocab=vocab, d_model=width) for width in takewhile(lambda width: width <= upto, widths()))
        return min(shapes, key=lambda shape: abs(math.log(n_params(shape) / target)))


def widths() -> Iterator[int]:
    """The widths a ladder chooses from, ascending: 8, 12 .. 64, 72 .. 128, 144 .. 256, 288 .. 1024, 1152 ...

    The step is a power of two, at most an eighth of the width: fine in ratio, and kind to matrix kernels.
    """
    width = NARROWEST
    while True:
        yield width
        width += min(128, max(4, 2 ** (width.bit_length() - 4)))


def depth_of(d_model: int) -> int:
    """Layers that go with a width."""
    return max(LEAST_LAYERS, round(d_model / WIDTH_PER_LAYER))


def heads_of(d_model: int) -> int:
    """Heads of about 64, equal and of even width."""
    wanted = max(LEAST_HEADS, round(d_model / HEAD_DIM))
    return next(n for n in range(wanted, 0, -1) if d_model % (2 * n) == 0)
