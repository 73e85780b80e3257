"""Held-out loss is the mean over tokens, and bits per byte is worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smelt.errors import EmptyResult
from smelt.models.sizes import Family
from smelt.models.stack import Decoder
from smelt.runs.evaluate import bits_per_byte, evaluation_starts, held_out_loss


def test_bits_per_byte_by_hand() -> None:
    # 300 tokens of 2 nats each over 900 bytes: 600 nats = 865.6 bits, .9618 bits a byte.
    assert bits_per_byte(2.0, bytes_per_token=900 / 300) == pytest.approx(600 / math.log(2) / 900)
    assert bits_per_byte(math.log(256), bytes_per_token=1) == pytest.approx(8)  # every byte a coin of 256 sides


@given(st.integers(9, 5000), st.integers(1, 3000))
def test_windows_lie_inside_do_not_overlap_and_are_no_more_than_asked(n_tokens: int, at_most: int) -> None:
    starts = evaluation_starts(n_tokens, context=8, at_most=at_most)
    assert starts[0] == 0
    assert starts[-1] + 9 <= n_tokens
    assert (np.diff(starts) >= 8).all()
    assert len(starts) == min((n_tokens - 1) // 8, max(1, at_most // 8))


def test_windows_are_spread_over_the_whole_stream() -> None:
    starts = evaluation_starts(100_001, context=10, at_most=1000)
    assert starts[-1] == 99_990
    assert np.diff(starts).max() <= 1.1 * np.diff(starts).mean()


def test_an_untrained_model_is_as_good_as_a_guess_over_any_number_of_windows() -> None:
    model = Decoder(Family(context=128).shape(vocab=40, d_model=8), torch.Generator().manual_seed(0))
    windows = np.random.default_rng(0).integers(40, size=(37, 129))  # more than two batches, the last one short
    assert held_out_loss(model, windows) == pytest.approx(math.log(40), rel=1e-6)


def test_loss_does_not_depend_on_how_windows_fall_into_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Decoder(Family(context=128, tied=True).shape(vocab=40, d_model=8), torch.Generator().manual_seed(0))
    windows = np.random.default_rng(0).integers(40, size=(37, 129))
    in_three = held_out_loss(model, windows)
    monkeypatch.setattr("smelt.runs.evaluate.EVALUATED_TOKENS", 10_000)
    assert in_three == pytest.approx(held_out_loss(model, windows), rel=1e-6)


def test_too_little_held_out_text_is_an_error() -> None:
    with pytest.raises(EmptyResult, match="128 tokens do not fill one window of 128"):
        evaluation_starts(128, context=128, at_most=1000)
