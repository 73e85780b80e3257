"""Transformer-XL: its equations written out (Dai et al. 2019, section 3.3), and a memory that lets it see further."""

from __future__ import annotations

import math

import torch

from smelt.models.config import ModelConfig
from smelt.models.recurrence import RecurrentAttention, shifted
from smelt.models.stack import Decoder

SHAPE = {
    "vocab": 30, "n_layers": 2, "d_model": 12, "n_heads": 2, "n_kv_heads": 2, "head_dim": 6, "d_ff": 20,
    "context": 7, "memory": 5, "positions": "transformer-xl", "norm": "layer", "norm_place": "after",
    "feed_forward": "relu", "bias": True,
}  # fmt: skip
GENERATOR = torch.Generator().manual_seed(0)


def recurrent(**changes: object) -> Decoder:
    model = Decoder(ModelConfig.model_validate(SHAPE | changes), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return model.requires_grad_(False)


def wave(distance: int, width: int) -> torch.Tensor:
    """R: sines and cosines of a distance (Vaswani et al. 2017), the sines first."""
    angles = [distance / 10_000 ** (2 * i / width) for i in range(width // 2)]
    return torch.tensor([math.sin(a) for a in angles] + [math.cos(a) for a in angles])


def by_hand(layer: RecurrentAttention, x: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
    """One head and one position at a time."""
    seen, out = torch.cat((memory, x)), []
    for i in range(len(x)):
        heads = []
        for head in range(2):
            part = slice(6 * head, 6 * head + 6)
            q, u, v = layer.q_proj(x[i])[part], layer.content_bias[part], layer.distance_bias[part]
            scores = []
            for j in range(len(memory) + i + 1):
                k = layer.k_proj(seen[j])[part]
                r = layer.r_proj(wave(len(memory) + i - j, 12))[part]
                scores.append((q @ k + q @ r + u @ k + v @ r) / math.sqrt(6))
            weights = torch.stack(scores).softmax(0)
            heads.append(sum(w * layer.v_proj(seen[j])[part] for j, w in enumerate(weights)))
        out.append(layer.o_proj(torch.cat(heads)))
    return torch.stack(out)


def test_a_model_gives_what_the_papers_equations_give() -> None:
    model = recurrent()
    tokens = torch.randint(0, 30, (1, 14), generator=GENERATOR)
    found = [model(tokens[:, :7])]
    found.append(model(tokens[:, 7:], memory=model.remembered))
    memory = [torch.zeros(0, 12), torch.zeros(0, 12)]
    for segment, logits in enumerate(found):
        x, kept = model.embed_tokens(tokens[0, 7 * segment : 7 * segment + 7]), []
        for block, before in zip(model.layers, memory, strict=True):
            kept.append(torch.cat((before, x))[-5:])
            x = block.input_layernorm(x + by_hand(block.self_attn, x, before))
            x = block.post_attention_layernorm(x + block.mlp(x))
        memory = kept
        torch.testing.assert_close(logits[0], model.lm_head(x), atol=1e-5, rtol=1e-5)


def test_segments_with_enough_memory_are_one_long_text() -> None:
    """Each layer's memory holds all that came before: the same scores as of the whole at once."""
    model, tokens = recurrent(memory=64), torch.randint(0, 30, (2, 21), generator=GENERATOR)
    whole, memory, parts = model(tokens), None, []
    for part in tokens.split(7, dim=1):
        parts.append(model(part, memory=memory))
        memory = model.remembered
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)


def test_memory_lengthens_what_is_seen_beyond_a_segment_layer_by_layer() -> None:
    model, tokens = recurrent(), torch.randint(0, 30, (1, 28), generator=GENERATOR)
    changed = tokens.clone()
    changed[0, 3] = (changed[0, 3] + 1) % 30
    last: list[list[torch.Tensor]] = []
    for text in (tokens, changed):
        memory, logits = None, []
        for part in text.split(7, dim=1):
            logits.append(model(part, memory=memory))
            memory = model.remembered
        last.append(logits)
    moved = [float((a - b).abs().max()) for a, b in zip(*last, strict=True)]
    assert moved[1] > 1e-4  # the segment after sees it
    assert moved[2] > 1e-6  # and the one after that, through two layers
    assert moved[3] == 0  # two layers of five states reach no further


def test_no_gradient_goes_into_memory() -> None:
    model = recurrent().requires_grad_(True)
    model(torch.randint(0, 30, (1, 7), generator=GENERATOR))
    assert all(not state.requires_grad for state in model.remembered)


def test_the_shift_puts_the_score_of_each_distance_where_its_key_is() -> None:
    scores = torch.arange(5.0).flip(0).expand(3, 5)  # each column holds its distance: 4, 3, 2, 1, 0
    found = shifted(scores)
    for i in range(3):
        for j in range(5):
            if j <= i + 2:
                assert float(found[i, j]) == i + 2 - j
