"""The loss on held-out text: nats per token, and bits per byte, which does not depend on the tokenizer."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from smelt.errors import EmptyResult
from smelt.models.stack import Decoder
from smelt.runs.batch import Batch
from smelt.runs.loss import Learner, batch_loss
from smelt.runs.memory import EVALUATED_TOKENS
from smelt.tokens.tokens import Tokens

Int64s = npt.NDArray[np.int64]
UNNAMED = "unnamed"
"""The domain of documents that have none."""


class HeldOut(NamedTuple):
    """Of held-out text."""

    loss_nats: float
    bpb: float
    n_tokens: int


def evaluation_starts(n_tokens: int, *, context: int, at_most: int) -> Int64s:
    """Where windows of `context + 1` start in a stream: all of them, or some `at_most` tokens' worth, evenly spread."""
    n_windows = (n_tokens - 1) // context
    if n_windows < 1:
        raise EmptyResult(
            where="held_out",
            what=f"{n_tokens} tokens do not fill one window of {context} + 1",
            do="hold out more documents (held_out in the dedup step), or take a shorter context",
        )
    chosen = np.linspace(0, n_windows - 1, num=min(n_windows, max(1, at_most // context)))
    return chosen.round().astype(np.int64) * context


def held_out_loss(model: Decoder, windows: Int64s) -> float:
    """Mean nats per token over `windows` (n, context + 1)."""
    return mean_loss(model, Batch.causal(windows))


@torch.no_grad()
def mean_loss(model: Learner, batch: Batch) -> float:
    """Mean nats per token asked for, nothing dropped."""
    was_training = model.training
    model.eval()
    total = sum(float(batch_loss(model, part)) * part.n_targets for part in batch.split(EVALUATED_TOKENS))
    model.train(was_training)
    return total / batch.n_targets


@torch.no_grad()
def by_domain(model: Decoder, tokens: Tokens, *, at_most: int) -> dict[str, HeldOut]:
    """The held-out loss of each domain, on the windows that the loss of all is of; a token's domain is its document's.

    Domains of which no token is in a window are not among them.
    """
    context, stream = model.config.context, tokens.stream("held_out")
    starts = evaluation_starts(len(stream), context=context, at_most=at_most)
    nats = _token_nats(model, stream.windows(starts, context + 1))
    documents = tokens.documents.filter(pl.col("split") == "held_out").with_columns(pl.col("domain").fill_null(UNNAMED))
    places = starts[:, None] + np.arange(1, context + 1)
    owner = np.searchsorted(documents["start"].to_numpy(), places, side="right") - 1
    names = documents["domain"].to_numpy()[owner]
    sizes = documents.group_by("domain").agg(pl.col("n_bytes").sum() / pl.col("n_tokens").sum())
    found: dict[str, HeldOut] = {}
    for name, bytes_per_token in sorted(sizes.iter_rows()):
        if (here := names == name).any():
            loss = float(nats[here].mean())
            found[name] = HeldOut(loss, bits_per_byte(loss, bytes_per_token=bytes_per_token), int(here.sum()))
    return found


def _token_nats(model: Decoder, windows: Int64s) -> npt.NDArray[np.float64]:
    """Of each token but the first of each window, (n, T)."""
    was_training, found = model.training, list[npt.NDArray[np.float64]]()
    model.eval()
    rows = max(1, EVALUATED_TOKENS // windows.shape[1])
    for part in torch.from_numpy(windows).split(rows):
        part = part.to(model.lm_head.weight.device)
        log_p = torch.log_softmax(model(part[:, :-1]).float(), dim=-1)
        found.append(-log_p.gather(2, part[:, 1:, None])[..., 0].double().cpu().numpy())
    model.train(was_training)
    return np.concatenate(found)


def bits_per_byte(loss_nats: float, *, bytes_per_token: float) -> float:
    """Nats per token to bits per UTF-8 byte of text.

    >>> round(bits_per_byte(2.772589, bytes_per_token=2.0), 6)
    2.0
    """
    return loss_nats / math.log(2) / bytes_per_token
