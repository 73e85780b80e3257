"""A trained run scores documents as it was trained: the bits of a text are those of transformers' logits."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM

from smelt.corpus.label.perplexity import Perplexity
from smelt.corpus.label.scorer import load_scorer
from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.huggingface import save
from smelt.models.stack import Decoder
from smelt.runs.scorer import text_nats
from smelt.tokens.tokenizer import encode, end_id, save_bpe, train_bpe

TEXTS = ["the cat sat on the mat and would not go", "猫坐在垫子上", "", "x"]
SHAPE = ModelConfig(
    vocab=300,
    context=8,
    n_layers=1,
    d_model=16,
    n_heads=2,
    n_kv_heads=2,
    head_dim=8,
    d_ff=32,
    tied=False,
    qk_norm=False,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(Decoder(SHAPE, torch.Generator().manual_seed(0)), folder)
    save_bpe(train_bpe(TEXTS * 5, vocab=SHAPE.vocab), folder / "tokenizer.json")
    (folder / "run.json").write_text("{}")
    return folder


def test_bits_are_those_of_transformers_logits_window_by_window(run: Path) -> None:
    found = load_scorer(run).bits_per_byte(pl.Series(TEXTS))
    from smelt.tokens.tokenizer import load_bpe

    bpe, theirs = load_bpe(run / "tokenizer.json"), AutoModelForCausalLM.from_pretrained(run, dtype=torch.float32)
    for text, bits in zip(TEXTS, found, strict=True):
        ids = [end_id(bpe), *encode(bpe, text)]
        nats = 0.0
        for at in range(0, len(ids) - 1, SHAPE.context):
            window = torch.tensor(ids[at : at + SHAPE.context + 1])
            with torch.no_grad():
                log_p = torch.log_softmax(theirs(window[None, :-1]).logits[0], dim=-1)
            nats -= float(log_p.gather(1, window[1:, None]).sum())
        expected = nats / math.log(2) / len(text.encode()) if text else math.nan
        assert bits == pytest.approx(expected, nan_ok=True, rel=1e-4)


def test_a_text_scores_alone_as_among_others() -> None:
    model = Decoder(SHAPE, torch.Generator().manual_seed(0))
    streams = [np.arange(n, dtype=np.int64) % SHAPE.vocab for n in (1, 2, 9, 10, 40)]
    together = text_nats(model, streams)
    assert together == pytest.approx([text_nats(model, [stream])[0] for stream in streams], rel=1e-5)
    assert together[0] == 0


def test_the_op_takes_a_run(run: Path) -> None:
    assert len(str(Perplexity(model=str(run)).settings()["model"])) == 3 * 32


def test_a_run_without_its_tokenizer_is_refused(run: Path, tmp_path: Path) -> None:
    lost = tmp_path / "store/run/lost"
    lost.mkdir(parents=True)
    (lost / "run.json").write_text("{}")
    with pytest.raises(InputError, match="neither beside it nor in its store"):
        load_scorer(lost)
