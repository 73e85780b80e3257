"""The search finds what there is to find: all texts tried one by one, and transformers' own."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from smelt.models.config import ModelConfig
from smelt.models.decoding import beam_search
from smelt.models.huggingface import save
from smelt.models.stack import EncoderDecoder

END, VOCAB = 0, 5
SHAPE = {
    "vocab": VOCAB, "context": 24, "n_layers": 1, "d_model": 16, "n_heads": 2, "n_kv_heads": 2, "head_dim": 8,
    "d_ff": 24, "kind": "encoder-decoder", "norm": "layer", "norm_place": "after", "positions": "sinusoidal",
    "bias": True, "feed_forward": "relu", "head_bias": True, "norm_eps": 1e-5,
}  # fmt: skip


def drawn(seed: int, vocab: int = VOCAB) -> EncoderDecoder:
    model = EncoderDecoder(ModelConfig.model_validate(SHAPE | {"vocab": vocab}), torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.4)
    return model.eval()


def searched(model: EncoderDecoder, source: torch.Tensor, padding: torch.Tensor, **how: float) -> list[list[int]]:
    beams = int(how["beams"])
    wide = model.read(source, padding).repeated(beams)
    return beam_search(
        lambda written: model.write(written, wide, last=True), len(source), end=END, beams=beams, most=int(how["most"]),
        length_power=how.get("length_power", 1.0),
    )  # fmt: skip


@pytest.mark.parametrize("length_power", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_search_finds_the_best_of_all_texts(seed: int, length_power: float) -> None:
    model, source = drawn(seed), torch.tensor([[1, 2, 3], [4, 4, 0]])
    padding, most = torch.tensor([[True] * 3, [True, True, False]]), 4
    found = searched(model, source, padding, beams=200, most=most, length_power=length_power)
    for row in range(2):
        read = model.read(source[row : row + 1], padding[row : row + 1])
        scores: dict[tuple[int, ...], float] = {}
        for length in range(most + 1):
            for ids in itertools.product(range(1, VOCAB), repeat=length):
                wanted = [*ids, END] if length < most else list(ids)  # cut off there
                log_p = model.write(torch.tensor([[END, *wanted[:-1]]]), read).log_softmax(-1)[0]
                total = float(log_p[torch.arange(len(wanted)), torch.tensor(wanted)].sum().detach())
                scores[ids] = total / len(wanted) ** length_power
        assert scores[tuple(found[row])] == pytest.approx(max(scores.values()), abs=1e-5)


def test_one_beam_takes_the_best_token_each_time() -> None:
    model, source = drawn(7), torch.tensor([[1, 2, 3]])
    padding = torch.ones(1, 3, dtype=torch.bool)
    [found] = searched(model, source, padding, beams=1, most=8)
    written, read = [END], model.read(source, padding)
    for _ in range(8):
        token = int(model.write(torch.tensor([written]), read, last=True)[0].argmax())
        if token == END:
            break
        written.append(token)
    assert found == written[1:]


@pytest.mark.parametrize("beams", [1, 4])
def test_transformers_finds_the_same(beams: int, tmp_path: Path) -> None:
    model, generator = drawn(3, vocab=40), torch.Generator().manual_seed(5)
    save(model, tmp_path)
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    source = torch.randint(1, 40, (12, 9), generator=generator)
    padding = torch.arange(9) < torch.randint(3, 10, (12, 1), generator=generator)
    said = theirs.generate(
        input_ids=source, attention_mask=padding.long(), num_beams=beams, do_sample=False, max_new_tokens=12,
        decoder_start_token_id=END, eos_token_id=END, pad_token_id=END, length_penalty=1.0, early_stopping=False,
        forced_eos_token_id=None, bad_words_ids=None,
    )  # fmt: skip
    wanted = [[token for token in row if token != END] for row in said.tolist()]
    found = searched(model, source, padding, beams=beams, most=12)
    same = sum(one == other for one, other in zip(found, wanted, strict=True))
    assert same == 12
