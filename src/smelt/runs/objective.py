"""What a model is asked while it learns, of windows of text.

    causal   the next token, from all before it                      decoders
    prefix   likewise, but a first part is read whole                decoders (Liu et al. 2018; Raffel et al. 2020)
    masked   the tokens that were hidden, from all around them       encoders (Devlin et al. 2019)
    spans    the stretches that were cut out, one after another      encoder-decoders (Raffel et al. 2020)

What is hidden, cut or read whole is drawn for each step from the run's seed and the step alone. Tokens that no text
holds (a mask, a start, one for each stretch) have ids behind those of the tokenizer. No torch here.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from smelt.models.architecture import Kind
from smelt.runs.corrupt import Asked, ask_causal, ask_masked, ask_prefix, ask_spans, n_spans

Int64s = npt.NDArray[np.int64]

KINDS: dict[str, Kind] = {"causal": "decoder", "prefix": "decoder", "masked": "encoder", "spans": "encoder-decoder"}
"""The models that can answer."""


class Objective(BaseModel):
    """Its kind, and what it hides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["causal", "prefix", "masked", "spans"] = "causal"
    hidden: float = Field(default=0.15, gt=0, lt=1)
    """masked, spans: share of the tokens (Devlin et al. 2019; Raffel et al. 2020, table 6)."""
    span: float = Field(default=3.0, ge=1)
    """spans: tokens of a stretch, on average (Raffel et al. 2020, table 7)."""
    segments: int = Field(default=1, ge=1)
    """causal: contexts that a row is long, read one after another by a model with a memory (Transformer-XL)."""
    within_documents: bool = False
    """causal: a token sees those of its own document alone, and not what happens to stand before it in the stream."""

    @model_serializer(mode="wrap")
    def _what_it_uses(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what its kind has: another kind's settings make no other run."""
        used = {
            "causal": {"segments", "within_documents"}, "prefix": set[str](), "masked": {"hidden"},
            "spans": {"hidden", "span"},
        }[self.kind]  # fmt: skip
        return {name: value for name, value in handler(self).items() if name == "kind" or name in used}

    def extra_ids(self, context: int) -> int:
        """Token ids that it needs beside the tokenizer's."""
        if self.kind == "spans":
            return 2 + n_spans(context, hidden=self.hidden, span=self.span)
        return 1 if self.kind == "masked" else 0

    def row(self, context: int) -> int:
        """Ids of the stream that a row takes: those that are read, and of causal ones the last that is predicted."""
        return context * self.segments + 1 if self.kind in ("causal", "prefix") else context

    def ask(self, ids: Int64s, *, vocab: int, end: int, seed: tuple[int, int]) -> Asked:
        """What is given and asked of rows (B, row) of text; `vocab` is the tokenizer's, `seed` the run's and step."""
        rng = np.random.default_rng(seed)
        if self.kind == "masked":
            return ask_masked(ids, rng, hidden=self.hidden, vocab=vocab)
        if self.kind == "spans":
            return ask_spans(ids, rng, hidden=self.hidden, span=self.span, vocab=vocab)
        if self.kind == "prefix":
            return ask_prefix(ids, rng)
        return ask_causal(ids, end=end if self.within_documents else None)
