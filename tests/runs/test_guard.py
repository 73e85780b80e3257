"""Bad steps are left out and counted, and nothing of them stays; a run of nothing else ends."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from families import KINDS
from smelt.runs.batch import Batch
from smelt.runs.checkpoint import Point, Progress
from smelt.runs.guard import LostLoss, is_bad, skip
from smelt.runs.hparams import Hparams, learning_rates
from smelt.runs.loop import train

RATES = learning_rates(Hparams(), d_model=16, batch_tokens=64)


def trained(bad: set[int], **hparams: object) -> tuple[dict[str, torch.Tensor], list[Point]]:
    """A run whose steps of some numbers have no loss that is a number."""
    torch.set_num_threads(1)
    kind = KINDS["Mixtral, one shared"] if hparams.pop("experts", False) else KINDS["Llama"]
    model, batches = kind.model(), kind.batches()

    def batch(step: int) -> Batch:
        found = batches(step)
        if step in bad:
            with torch.no_grad():
                model.embed_tokens.weight[5] = math.nan  # until the next good step
            return dataclasses.replace(found, tokens=torch.full_like(found.tokens, 5))
        if step - 1 in bad:
            with torch.no_grad():
                model.embed_tokens.weight[5] = 0.0
        return found

    points = train(
        model, batches=batch, steps=20, rates=RATES, points=20, hparams=Hparams.model_validate(hparams)
    )  # fmt: skip
    return dict(model.state_dict()), list(points)


def test_a_step_without_a_number_is_left_out_and_counted() -> None:
    weights, points = trained({7, 12})
    assert all(torch.isfinite(weight).all() for weight in weights.values())
    assert points[-1].skipped == 2
    assert [point.step for point in points] == [step for step in range(1, 21) if step not in (8, 13)]
    assert all(math.isfinite(point.loss_nats) for point in points)


def test_a_run_of_nothing_else_ends() -> None:
    with pytest.raises(LostLoss, match="the training loss is nan at step 14, the last of 10 left out in a row"):
        trained(set(range(5, 20)))


def test_a_gradient_far_longer_than_those_before_is_a_spike() -> None:
    progress = Progress()
    norms = [1.0, 1.2, 0.9, 1.1] * 5
    assert not any(is_bad(2.0, norm, progress, spike=4.0) for norm in norms)
    assert is_bad(2.0, 5.0, progress, spike=4.0)
    assert not is_bad(2.0, 3.9, progress, spike=4.0)
    assert len(progress.norms) == 21  # the spike is not remembered
    assert not is_bad(2.0, 5e9, progress, spike=None)
    assert is_bad(2.0, math.inf, progress, spike=None)


def test_few_steps_are_nothing_to_hold_a_gradient_against() -> None:
    progress = Progress()
    assert not any(is_bad(2.0, 10.0**step, progress, spike=2.0) for step in range(10))


def test_bad_steps_apart_do_not_end_a_run() -> None:
    progress = Progress()
    for step in range(0, 60, 2):
        progress.step = step
        skip(math.nan, progress)
    assert len(progress.skipped) == 30
