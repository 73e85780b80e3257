"""The decoder is causal, starts where the rules say, and turns positions as the paper does."""

from __future__ import annotations

import math

import pytest
import torch

from smelt.models.attention import View
from smelt.models.config import ModelConfig
from smelt.models.positions import rope_table, rotate
from smelt.models.sizes import Family
from smelt.models.stack import Decoder


def some_model(family: Family, seed: int = 0, *, d_model: int = 16) -> Decoder:
    """A model whose every weight is drawn: at its start it would be nearly the identity."""
    model = Decoder(family.shape(vocab=50, d_model=d_model), torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return model


@pytest.mark.parametrize("family", [Family(context=32), Family(context=32, tied=True, qk_norm=True)])
def test_changing_a_token_changes_no_logits_before_it_and_some_from_it_on(family: Family) -> None:
    model = some_model(family)
    tokens = torch.randint(0, 50, (2, 32), generator=torch.Generator().manual_seed(3))
    changed = tokens.clone()
    changed[:, 20] = (changed[:, 20] + 1) % 50
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :20], after[:, :20])
    assert bool((before[:, 20:] - after[:, 20:]).abs().amax(dim=-1).gt(1e-3).all())


def test_a_prefix_has_the_logits_it_has_in_the_whole() -> None:
    model = some_model(Family(context=32))
    tokens = torch.randint(0, 50, (1, 32), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens[:, :9]), model(tokens)[:, :9])


@pytest.mark.parametrize("d_model", [8, 32, 64])
def test_an_untied_model_starts_at_the_uniform_distribution(d_model: int) -> None:
    model = Decoder(Family().shape(vocab=50, d_model=d_model), torch.Generator().manual_seed(0))
    log_p = torch.log_softmax(model(torch.arange(50)[None]), dim=-1)
    torch.testing.assert_close(log_p, torch.full_like(log_p, -math.log(50)))


def test_every_branch_starts_as_the_identity() -> None:
    model = Decoder(Family(tied=True).shape(vocab=50, d_model=16, n_layers=3), torch.Generator().manual_seed(0))
    seen = model.embed_tokens(torch.arange(20)[None])
    for layer in model.layers:
        assert torch.equal(layer(seen, View(angles=(model.cos[:20], model.sin[:20]))), seen)


def test_weights_follow_from_the_seed_alone() -> None:
    first, again, other = (
        Decoder(Family().shape(vocab=50, d_model=16), torch.Generator().manual_seed(seed)).embed_tokens.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def of_heads(head_dim: int, **fields: float) -> ModelConfig:
    shape = {"vocab": 2, "n_layers": 1, "d_model": 8, "n_heads": 1, "n_kv_heads": 1, "d_ff": 8}
    return ModelConfig.model_validate({**shape, "head_dim": head_dim, **fields})


def test_rotation_is_multiplication_by_a_complex_number_of_length_one() -> None:
    cos, sin = rope_table(of_heads(8, context=10, rope_theta=100.0))
    x = torch.randn(1, 1, 10, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pairs = torch.complex(x[..., :4], x[..., 4:])
    angles = torch.arange(10.0, dtype=torch.float64)[:, None] * 100.0 ** -(torch.arange(4.0, dtype=torch.float64) / 4)
    expected = pairs * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(
        rotate(x, cos.double(), sin.double()), torch.cat((expected.real, expected.imag), dim=-1), atol=1e-6, rtol=1e-5
    )


def test_scores_of_rotated_vectors_depend_on_their_distance_alone() -> None:
    cos, sin = rope_table(of_heads(16, context=32))
    generator = torch.Generator().manual_seed(0)
    q, k = (rotate(torch.randn(16, generator=generator).expand(1, 1, 32, 16), cos, sin)[0, 0] for _ in range(2))
    scores = q @ k.T
    for distance in (0, 5, 20):
        diagonal = scores.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=1e-4)
