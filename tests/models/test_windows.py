"""Windows are computed in chunks and give what a mask over everything gives."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from smelt.models.config import ModelConfig
from smelt.models.masks import Mask
from smelt.models.sizes import Family
from smelt.models.stack import Decoder, Encoder
from smelt.models.windows import attend_in_windows

GENERATOR = torch.Generator().manual_seed(0)
PADDING = torch.arange(21) < torch.tensor([[21], [13]])
GLOBAL = torch.zeros(2, 21, dtype=torch.bool)
GLOBAL[0, 0] = GLOBAL[0, 9] = GLOBAL[1, 2] = True
DOCUMENTS = (torch.arange(21) // torch.tensor([[8], [5]])).long()
MASKS = {
    "causal": Mask(is_causal=True, window=4),
    "causal, of oneself and one more": Mask(is_causal=True, window=2),
    "causal, of documents": Mask(is_causal=True, window=6, documents=DOCUMENTS),
    "both sides": Mask(window=4),
    "both sides, padded": Mask(window=6, padding=PADDING),
    "both sides, global": Mask(window=4, padding=PADDING, global_tokens=GLOBAL),
    "wider than the chunk after it": Mask(window=18),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
@pytest.mark.parametrize("heads", [4, 2])
def test_chunks_give_what_the_dense_mask_gives(mask: Mask, heads: int) -> None:
    q = torch.randn(2, 4, 21, 8, generator=GENERATOR)
    k, v = (torch.randn(2, heads, 21, 8, generator=GENERATOR) for _ in range(2))
    seen = mask.dense(21, 21, q.device)
    wanted = scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=heads < 4)
    found = attend_in_windows(q, k, v, mask)
    there = PADDING if mask.padding is not None else torch.ones_like(PADDING)
    torch.testing.assert_close(found.transpose(1, 2)[there], wanted.transpose(1, 2)[there])


def test_the_dense_mask_is_what_it_says_position_by_position() -> None:
    mask = Mask(is_causal=True, window=3, documents=DOCUMENTS, prefix=torch.tensor([2, 0]))
    seen = mask.dense(21, 21, torch.device("cpu"))
    for row in range(2):
        for query in range(21):
            for key in range(21):
                is_near = key <= query and query - key < 3 and DOCUMENTS[row, query] == DOCUMENTS[row, key]
                assert bool(seen[row, 0, query, key]) == (bool(is_near) or key < (2, 0)[row])


def test_queries_are_the_last_of_the_keys() -> None:
    assert Mask(is_causal=True).dense(2, 5, torch.device("cpu"))[0, 0].tolist() == [
        [True, True, True, True, False],
        [True, True, True, True, True],
    ]


def windowed(context: int) -> Decoder:
    shape = {"vocab": 30, "n_layers": 2, "d_model": 16, "n_heads": 2, "n_kv_heads": 2, "head_dim": 8, "d_ff": 32}
    config = ModelConfig.model_validate({**shape, "context": context, "window": 5})
    model = Decoder(config, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)), alpha=0.3)
    return model


@torch.no_grad()
def test_a_decoder_of_windows_sees_as_far_back_as_its_layers_reach() -> None:
    model, tokens = windowed(32), torch.randint(0, 30, (1, 32), generator=GENERATOR)
    changed = tokens.clone()
    changed[0, 10] = (changed[0, 10] + 1) % 30
    differs = (model(tokens) - model(changed)).abs().amax(dim=-1)[0] > 1e-6
    assert differs.nonzero().flatten().tolist() == list(range(10, 10 + 2 * 4 + 1))


@torch.no_grad()
def test_the_cost_of_windows_grows_with_the_length_and_that_of_all_with_its_square() -> None:
    """Of attention itself: 512 tokens cost four times 128, by torch's counter."""
    flops: list[int] = []
    for length in (128, 512):
        q = torch.randn(1, 2, length, 8)
        with (
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
            FlopCounterMode(display=False) as count,
        ):
            attend_in_windows(q, q, q, Mask(is_causal=True, window=17))
        flops.append(count.get_total_flops())
    assert flops[1] == 4 * flops[0]
    assert flops[1] == 2 * 2 * 2 * 512 * 32 * 8  # scores and their use, two heads, 32 keys


def test_global_tokens_with_the_projections_of_the_others_and_a_window_of_everything_are_plain_attention() -> None:
    """Rotary positions and norms of heads among them: what is global is turned by its own position."""
    family = {"context": 16, "kind": "encoder", "qk_norm": True}
    plain = Family.model_validate(family).shape(vocab=50, d_model=16)
    wide = Family.model_validate({**family, "window": 64, "global_tokens": True}).shape(vocab=50, d_model=16)
    wanted, found = (Encoder(config, torch.Generator().manual_seed(0)) for config in (plain, wide))
    with torch.no_grad():
        for weight in wanted.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)), alpha=0.2)
        named = dict(wanted.state_dict())
        found.load_state_dict({name: named[name.replace("global_", "")] for name in found.state_dict()})
        tokens = torch.randint(0, 50, (2, 16), generator=torch.Generator().manual_seed(2))
        chosen = torch.zeros(2, 16, dtype=torch.bool)
        chosen[0, [3, 9]], chosen[1, 5] = True, True
        torch.testing.assert_close(found(tokens, Mask(global_tokens=chosen)), wanted(tokens), atol=1e-5, rtol=1e-5)
