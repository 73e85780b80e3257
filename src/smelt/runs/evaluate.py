"""The loss on held-out text: nats per token, and bits per byte, which does not depend on the tokenizer."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from smelt.errors import EmptyResult
from smelt.models.stack import Decoder
from smelt.runs.batch import Batch
from smelt.runs.loss import Learner, batch_loss
from smelt.runs.memory import EVALUATED_TOKENS

Int64s = npt.NDArray[np.int64]


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


def bits_per_byte(loss_nats: float, *, bytes_per_token: float) -> float:
    """Nats per token to bits per UTF-8 byte of text.

    >>> round(bits_per_byte(2.772589, bytes_per_token=2.0), 6)
    2.0
    """
    return loss_nats / math.log(2) / bytes_per_token
