"""Every kind of model learns by the same loop, the same bits twice, and its runs keep their names."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch

from smelt.models.sizes import Family
from smelt.models.stack import Decoder
from smelt.runs.batch import Batch
from smelt.runs.hparams import Hparams, learning_rates
from smelt.runs.loop import train
from smelt.runs.loss import router_loss
from smelt.tokens.sampler import Sampler
from token_files import chain

STREAM = chain(100_000, vocab=256, seed=0)
ENTROPY = -sum(p * math.log(p) for p in (0.5, 0.3, 0.15, 0.05))
KINDS = {
    "GPT-2": {
        "norm": "layer", "positions": "learned", "feed_forward": "gelu-tanh", "bias": True, "ff_ratio": 4.0,
        "tied": True,
    },
    "Mixtral": {"experts": {"n": 4, "top_k": 2}, "ff_ratio": 4 / 3},
    "OLMoE, one shared": {
        "experts": {"n": 6, "top_k": 2, "normalised": False, "shared": 1}, "ff_ratio": 1.0, "qk_norm": True,
        "qk_norm_over": "all",
    },
}  # fmt: skip


def trained(kind: str, steps: int) -> tuple[Decoder, float]:
    torch.set_num_threads(1)
    config = Family.model_validate({"context": 64, **KINDS[kind]}).shape(vocab=256, d_model=48)
    model = Decoder(config, torch.Generator().manual_seed(0))
    sampler = Sampler(n_tokens=len(STREAM), context=64, batch=8, seed=0)

    def windows(step: int) -> Batch:
        return Batch.causal(STREAM[sampler.starts(step)[:, None] + np.arange(65)])

    rates = learning_rates(Hparams(), d_model=48, batch_tokens=512)
    points = list(train(model, batches=partial(windows), steps=steps, rates=rates, points=10))
    return model, points[-1].loss_nats


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_is_learned_down_towards_its_entropy(kind: str) -> None:
    model, loss = trained(kind, 150)
    assert ENTROPY < loss < ENTROPY + 0.2
    for mixture in model.mixtures:
        assert mixture.routed is not None
        assert float(mixture.routed.load.min()) > 0.1 * mixture.shape.top_k / mixture.shape.n


@pytest.mark.parametrize("kind", KINDS)
def test_training_twice_gives_the_same_bits(kind: str) -> None:
    first, again = (trained(kind, 10)[0].state_dict() for _ in range(2))
    assert all(torch.equal(weight, again[name]) for name, weight in first.items())


def test_a_dense_model_has_no_loss_of_a_router() -> None:
    assert router_loss(trained("GPT-2", 1)[0]) == 0


def test_a_family_of_llamas_kind_says_of_itself_what_it_always_did() -> None:
    """Else every run of every store would be another, and be trained again."""
    assert set(Family().model_dump()) == {"context", "tied", "qk_norm", "ff_ratio"}
    assert set(Family().shape(vocab=256, d_model=48).model_dump()) == {
        "vocab", "context", "n_layers", "d_model", "n_heads", "n_kv_heads", "head_dim", "d_ff", "tied", "qk_norm",
        "rope_theta", "norm_eps",
    }  # fmt: skip
    assert "experts" in Family.model_validate(KINDS["Mixtral"]).model_dump()
