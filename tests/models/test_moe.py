"""Mixture of experts: brute force, transformers' balance loss, and what a router's losses do."""

from __future__ import annotations

import pytest
import torch
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

from smelt.models.architecture import Experts
from smelt.models.config import ModelConfig
from smelt.models.moe import MixtureOfExperts, Routed


def mixture(**experts: object) -> MixtureOfExperts:
    shape = {"vocab": 4, "context": 8, "n_layers": 1, "d_model": 12, "n_heads": 2, "n_kv_heads": 2, "head_dim": 6}
    config = ModelConfig.model_validate({**shape, "d_ff": 10, "experts": {"n": 5, "top_k": 2, **experts}})
    found, generator = MixtureOfExperts(config), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.normal_(generator=generator)
    return found


X = torch.randn(3, 7, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shared", [0, 2])
@pytest.mark.parametrize("normalised", [True, False])
def test_each_token_takes_its_top_experts_weighted(*, normalised: bool, shared: int) -> None:
    mixed = mixture(normalised=normalised, shared=shared).requires_grad_(False)
    for x, found in zip(X.flatten(0, 1), mixed(X).flatten(0, 1), strict=True):
        scores = mixed.router(x).softmax(-1)
        best = sorted(range(5), key=lambda i: -float(scores[i]))[:2]
        total = sum(float(scores[i]) for i in best) if normalised else 1.0
        wanted = torch.zeros(12) if mixed.shared is None else mixed.shared(x)
        for i in best:
            hidden = torch.nn.functional.silu(mixed.gate_proj[i] @ x) * (mixed.up_proj[i] @ x)
            wanted = wanted + float(scores[i]) / total * (mixed.down_proj[i] @ hidden)
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_the_balance_loss_is_that_of_transformers() -> None:
    mixed = mixture()
    mixed(X)
    assert mixed.routed is not None
    theirs = load_balancing_loss_func((mixed.routed.logits,), num_experts=5, top_k=2)
    torch.testing.assert_close(mixed.routed.balance_loss(), theirs)


def test_the_balance_loss_is_least_where_all_experts_are_alike() -> None:
    even = Routed(torch.zeros(10, 5), torch.arange(20).reshape(10, 2) % 5)
    one = Routed(torch.tensor([[9.0, 0, 0, 0, 0]]).expand(10, 5), torch.zeros(10, 2, dtype=torch.int64))
    assert float(even.balance_loss()) == pytest.approx(2)
    assert float(one.balance_loss()) > 9
    assert even.load.tolist() == pytest.approx([0.4] * 5)


def test_the_z_loss_is_the_mean_square_of_the_log_of_the_sum() -> None:
    logits = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    sums = torch.tensor([2.0, 2.71828182846 + 2.71828182846**2])
    z_loss = Routed(logits, torch.zeros(2, 1, dtype=torch.int64)).z_loss()
    torch.testing.assert_close(z_loss, sums.log().square().mean())


@pytest.mark.parametrize("top_k", [1, 2])
def test_an_expert_takes_the_first_of_a_sequence_that_choose_it_and_the_others_are_counted(top_k: int) -> None:
    full, all_taken = mixture(capacity=2, top_k=top_k), mixture(top_k=top_k)
    whole = all_taken(X)
    limited = full(X)
    assert full.routed is not None
    assert full.routed.kept is not None
    left = 0
    for row in range(3):
        room = [2] * 5
        for place in range(7):
            chosen = full.routed.chosen.view(3, 7, top_k)[row, place].tolist()
            taken = []
            for expert in chosen:
                room[expert] -= 1
                taken.append(room[expert] >= 0)
            left += taken.count(False)
            assert full.routed.kept.view(3, 7, top_k)[row, place].tolist() == taken
            if all(taken):
                torch.testing.assert_close(limited[row, place], whole[row, place])
            if not any(taken):
                assert not limited[row, place].any()
    assert left > 0
    assert float(full.routed.dropped) == pytest.approx(left / (21 * top_k))


def test_one_layer_of_so_many_has_experts_the_second_first() -> None:
    assert [Experts(n=2, every=2).is_at(place) for place in range(4)] == [False, True, False, True]
    assert all(Experts(n=2).is_at(place) for place in range(3))


def test_experts_of_one_hidden_layer() -> None:
    config = ModelConfig.model_validate(
        {"vocab": 4, "context": 8, "n_layers": 1, "d_model": 12, "n_heads": 2, "n_kv_heads": 2, "head_dim": 6,
         "d_ff": 10, "feed_forward": "relu", "experts": {"n": 3, "top_k": 1}}
    )  # fmt: skip
    plain = MixtureOfExperts(config)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(0))
        found = plain(X)
        assert plain.routed is not None
        for x, one, said in zip(X.flatten(0, 1), plain.routed.chosen.flatten(), found.flatten(0, 1), strict=True):
            torch.testing.assert_close(said, plain.down_proj[one] @ torch.relu(plain.up_proj[one] @ x))


def test_statistics_are_of_what_each_expert_had() -> None:
    chosen = torch.tensor([[0], [0], [0], [1]])
    kept = torch.tensor([[True], [True], [False], [True]])
    found = Routed(torch.zeros(4, 2), chosen, kept).statistics()
    assert found == pytest.approx({"least_load": 0.5, "most_load": 1.5, "dropped": 0.25})
