"""The fused pieces give what the plain ones give, but for rounding to bfloat16, forwards and backwards."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, rms_norm, scaled_dot_product_attention, silu

from families import KINDS
from smelt.models import fused
from smelt.models.config import ModelConfig
from smelt.models.fused import kernels
from smelt.models.positions import rope_table, rotate
from smelt.models.sizes import Family
from smelt.runs.hparams import Hparams, learning_rates
from smelt.runs.loop import accumulate_gradient, train
from smelt.runs.loss import Losses
from smelt.runs.world import World

ROUNDING = 2.0**-8
"""Between two bfloat16 numbers, of the larger."""


def drawn(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def close(found: Tensor, wanted: Tensor, roundings: float = 1.0) -> None:
    """As near, for the largest of the wanted numbers, as so many roundings to bfloat16."""
    assert found.shape == wanted.shape
    assert float((found.detach().float() - wanted.detach()).abs().max()) <= roundings * ROUNDING * float(
        wanted.detach().abs().max()
    )


def compare(fast: Callable[..., Tensor], plain: Callable[..., Tensor], *inputs: Tensor, roundings: float = 1.0) -> None:
    """Both functions and the gradients of all inputs, the plain ones in float32 of the same rounded numbers."""
    given = [x.clone().requires_grad_() for x in inputs]
    exact = [x.detach().float().clone().requires_grad_() for x in inputs]
    found, wanted = fast(*given), plain(*exact)
    close(found, wanted, roundings)
    seen = drawn(*wanted.shape, seed=9).to(found.dtype) if wanted.ndim else torch.tensor(1.0)
    found.backward(seen)
    wanted.backward(seen.float())
    for mine, theirs in zip(given, exact, strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        close(mine.grad, theirs.grad, roundings)


def test_numbers_are_rounded_as_torch_rounds_them_and_exp_is_right_to_float32() -> None:
    x = torch.cat((drawn(10_000, scale=10), drawn(1_000, scale=1e-38), torch.tensor([0.0, -0.0, 1e38, -1e38])))[None]
    ones, inverse = torch.ones(x.shape[1]), np.empty(1, np.float32)
    normed = torch.empty(x.shape, dtype=torch.bfloat16)
    small = x / 1e38  # so that the root mean square is that of the eps alone, here one
    kernels.norm(small.numpy(), ones.numpy(), normed.view(torch.uint16).numpy(), inverse, 1.0)
    assert torch.equal(normed, (small * float(inverse[0])).bfloat16())
    logits = torch.linspace(-80, 0, 1001).bfloat16()[None]
    totals = torch.empty(1)
    kernels.log_total(logits.view(torch.uint16).numpy(), totals.numpy())
    assert float(totals) == pytest.approx(float(torch.logsumexp(logits.double(), 1)), rel=3e-7)


def test_a_norm() -> None:
    gain = 1 + drawn(48, seed=1, scale=0.1)
    compare(
        lambda x, g: fused.rms_norm(x, g, 1e-6), lambda x, g: rms_norm(x, (48,), g, 1e-6), drawn(2, 5, 48), gain
    )  # fmt: skip


def test_a_gated_unit() -> None:
    gates, up = drawn(3, 7, 33, scale=4).bfloat16(), drawn(3, 7, 33, seed=1).bfloat16()
    compare(fused.gated, lambda g, u: silu(g) * u, gates, up)


@pytest.mark.parametrize(
    ("heads", "kv_heads", "causal", "turned"), [*itertools.product((4,), (1, 2, 4), (True, False), (True, False))]
)
def test_attention(heads: int, kv_heads: int, causal: bool, turned: bool) -> None:
    length, d = 37, 8
    config = Family(context=64).shape(vocab=8, d_model=16).model_copy(update={"head_dim": d})
    cos, sin = (table[:length] for table in rope_table(config))
    angles = (cos, sin) if turned else None

    def by_head(x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, d)).transpose(1, 2)

    def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k = (rotate(by_head(x), cos, sin) if turned else by_head(x) for x in (q, k))
        mixed = scaled_dot_product_attention(q, k, by_head(v), is_causal=causal, scale=0.3, enable_gqa=True)
        return mixed.transpose(1, 2).flatten(2)

    def fast(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return fused.attend(q, k, v, angles, head_dim=d, scale=0.3, is_causal=causal)

    widths = (heads * d, kv_heads * d, kv_heads * d)
    inputs = (drawn(2, length, width, seed=i).bfloat16() for i, width in enumerate(widths))
    compare(fast, plain, *inputs, roundings=4)  # turned, scored, shared and mixed


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(smoothing: float) -> None:
    logits, targets = drawn(50, 300, scale=3).bfloat16(), torch.randint(300, (50,))
    compare(
        lambda x: fused.cross_entropy(x, targets, smoothing),
        lambda x: cross_entropy(x, targets, label_smoothing=smoothing),
        logits,
    )


def test_what_is_not_a_number_stays_so() -> None:
    logits, targets = drawn(3, 40).bfloat16(), torch.zeros(3, dtype=torch.int64)
    for bad in (float("nan"), float("inf")):
        logits[1, 7] = bad
        assert not torch.isfinite(fused.cross_entropy(logits, targets, 0.0))
    q = drawn(1, 6, 8).bfloat16()
    q[0, 2, 3] = float("nan")
    mixed = fused.attend(q, q, q, None, head_dim=8, scale=1.0, is_causal=True)
    assert torch.isnan(mixed[0, 2:]).all()
    assert torch.isnan(fused.rms_norm(q.float(), torch.ones(8), 1e-6)).any(dim=-1).tolist()[0][2]
    assert torch.isnan(fused.gated(q, q)).any()


def gradients(config: ModelConfig, *, precision: str) -> list[Tensor]:
    kind = replace(KINDS["Llama"])
    model, batch = kind.model(64), kind.batches()(0)
    assert model.config == config
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(weight.numel()))
    accumulate_gradient(Losses(model), batch, world=World(), precision=precision)
    return [weight.grad for weight in model.parameters() if weight.grad is not None]


def test_a_gradient_is_no_further_from_float32_than_torchs_own_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    config = KINDS["Llama"].config(64)
    exact, fast = gradients(config, precision="fp32"), gradients(config, precision="bf16")
    with monkeypatch.context() as patch:
        patch.setattr(fused, "suits", lambda x: False)
        plain = gradients(config, precision="bf16")
    off = [
        [float((one - true).norm() / true.norm()) for one, true in zip(some, exact, strict=True)]
        for some in (fast, plain)
    ]
    assert 0 < np.mean(off[0]) < 1.1 * np.mean(off[1]) < 0.05


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_follows_float32_in_bfloat16(name: str) -> None:
    kind = KINDS[name]

    def losses(precision: str) -> list[float]:
        hparams = Hparams.model_validate({**kind.hparams, "precision": precision})
        rates = learning_rates(hparams, d_model=16, batch_tokens=64)
        model = kind.model()
        points = train(model, batches=kind.batches(), steps=12, rates=rates, points=12, hparams=hparams)
        return [point.loss_nats for point in points]

    np.testing.assert_allclose(losses("bf16"), losses("fp32"), atol=0.02)
