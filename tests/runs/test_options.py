"""What `hparams` can ask for: other optimisers, averages, bf16, decay; and what a checkpoint does not let change."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from families import KINDS
from smelt.errors import InputError
from smelt.models.stack import Model
from smelt.runs.average import Average
from smelt.runs.checkpoint import Checkpoint, Point
from smelt.runs.hparams import Hparams, LearningRates, learning_rates
from smelt.runs.loop import train
from smelt.runs.optim import build_optimisers

RATES = learning_rates(Hparams(), d_model=16, batch_tokens=64)


def trained(steps: int = 60, checkpoint: Checkpoint | None = None, **hparams: object) -> tuple[Model, list[Point]]:
    torch.set_num_threads(1)
    model, batches = KINDS["Llama"].model(), KINDS["Llama"].batches()
    settings = Hparams.model_validate(hparams)
    rates = learning_rates(settings, d_model=16, batch_tokens=64)
    points = train(
        model, batches=batches, steps=steps, rates=rates, points=4, hparams=settings, checkpoint=checkpoint
    )  # fmt: skip
    return model, list(points)


@pytest.mark.parametrize(
    "hparams",
    [
        {"precision": "bf16"}, {"optimiser": "adamw", "matrix_lr": 0.02}, {"optimiser": "adafactor", "matrix_lr": 0.02},
        {"average": 0.9}, {"weight_decay": 0.1}, {"clip": 1.0}, {"smoothing": 0.1},
    ],
)  # fmt: skip
def test_each_learns_and_does_so_otherwise(hparams: dict[str, object]) -> None:
    plain, _ = trained()
    model, points = trained(**hparams)
    assert points[-1].loss_nats < points[0].loss_nats - 0.8
    assert not torch.equal(model.lm_head.weight, plain.lm_head.weight)


def test_bf16_follows_fp32() -> None:
    (_, plain), (_, half) = trained(), trained(precision="bf16")
    assert half[-1].loss_nats == pytest.approx(plain[-1].loss_nats, abs=0.05)
    assert all(p.dtype == torch.float32 for p in trained(steps=2, precision="bf16")[0].parameters())


def test_an_average_is_that_of_all_weights_so_far_weighed() -> None:
    model = KINDS["Llama"].model()
    average, weight = Average(model, 0.5), model.lm_head.weight
    expected = weight.detach().clone()
    for step in range(4):
        with torch.no_grad():
            weight.add_(1.0)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight.detach()
    average.put()
    torch.testing.assert_close(model.lm_head.weight.detach(), expected)


def test_decay_takes_of_matrices_alone() -> None:
    model = KINDS["Llama"].model()
    rates = LearningRates(matrix=0.1, embedding=0.1, head=0.1, norm=0.1)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for optimiser in build_optimisers(model, rates, Hparams(weight_decay=0.5)):
        optimiser.step()
    for name, weight in model.named_parameters():
        is_matrix = weight.ndim == 2 and name.startswith("layers.")
        torch.testing.assert_close(weight.detach(), before[name] * (0.95 if is_matrix else 1.0))


def test_layers_below_learn_more_slowly() -> None:
    model = KINDS["Llama"].model()
    groups = [group for one in build_optimisers(model, RATES, layer_decay=0.5) for group in one.param_groups]
    rate = {id(parameter): group["peak_lr"] for group in groups for parameter in group["params"]}
    named = dict(model.named_parameters())
    below, above = (rate[id(named[f"layers.{i}.mlp.up_proj.weight"])] for i in (0, 1))
    assert (below, above) == pytest.approx((RATES.matrix / 4, RATES.matrix / 2))
    assert rate[id(named["embed_tokens.weight"])] == pytest.approx(RATES.embedding / 8)


def test_a_run_is_not_gone_on_with_otherwise_unless_asked(tmp_path: Path) -> None:
    trained(steps=5, checkpoint=Checkpoint(tmp_path, every_seconds=0, setting="64 tokens a step"))
    with pytest.raises(InputError, match="was written by a run of 64 tokens a step; expected 128 tokens a step"):
        trained(steps=9, checkpoint=Checkpoint(tmp_path, every_seconds=0, setting="128 tokens a step"))
    accepting = Checkpoint(tmp_path, every_seconds=0, setting="128 tokens a step", accepts_change=True)
    _, points = trained(steps=9, checkpoint=accepting)
    assert points[-1].step == 9
    assert accepting.changes == ["step 5: 64 tokens a step, then 128 tokens a step"]


def test_the_last_two_states_are_kept_and_the_one_before_serves(tmp_path: Path) -> None:
    trained(steps=7, checkpoint=Checkpoint(tmp_path, every_seconds=0))
    last, before = Checkpoint(tmp_path).paths
    assert [path.name for path in (last, before)] == ["state-000000007.safetensors", "state-000000006.safetensors"]
    last.write_bytes(last.read_bytes()[:100])
    with pytest.raises(InputError, match="goes on from the state before"):
        trained(steps=9, checkpoint=Checkpoint(tmp_path, every_seconds=0))
    last.unlink()
    (found, _), (plain, _) = trained(steps=7, checkpoint=Checkpoint(tmp_path, every_seconds=0)), trained(steps=7)
    assert torch.equal(found.lm_head.weight, plain.lm_head.weight)
