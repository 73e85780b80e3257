"""A shape that cannot be built is refused in words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from smelt.models.config import ModelConfig

PLAIN = {"vocab": 8, "context": 8, "n_layers": 1, "d_model": 8, "n_heads": 4, "n_kv_heads": 2, "head_dim": 4, "d_ff": 8}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_kv_heads": 3}, "n_heads 4 is not a multiple of n_kv_heads 3"),
        ({"head_dim": 5}, "multiple of 2"),
        ({"d_model": 0}, "greater than or equal to 1"),
        ({"width": 8}, "Extra inputs are not permitted"),
        ({"feed_forward": "tanh"}, "'swiglu', 'geglu', 'gelu', 'gelu-tanh', 'relu' or 'silu'"),
        ({"n_decoder_layers": 2}, "for an encoder-decoder; a decoder has n_layers"),
        ({"memory": 4}, "memory needs positions transformer-xl, not rotary"),
        ({"positions": "transformer-xl", "kind": "encoder"}, "transformer-xl is for a decoder, not an encoder"),
        ({"global_tokens": True, "window": 4}, "global_tokens are for an encoder that sees a window"),
        ({"kind": "encoder", "window": 5}, "window is even, half of it to either side, not 5"),
        ({"positions": "t5", "window": 4}, "a window does not go with positions t5"),
        ({"d_embedding": 4}, "a d_embedding needs head transform"),
        ({"head": "transform"}, "head transform is for an encoder"),
        ({"bias": True, "experts": {"n": 2}}, "experts are SwiGLU, or of one hidden layer, without biases"),
        ({"experts": {"n": 2, "top_k": 3}}, "top_k 3 is more than there are experts, 2"),
    ],
)
def test_a_wrong_shape_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelConfig.model_validate(PLAIN | change)


def test_a_shape_survives_json() -> None:
    config = ModelConfig.model_validate(PLAIN)
    assert ModelConfig.model_validate_json(config.model_dump_json()) == config
