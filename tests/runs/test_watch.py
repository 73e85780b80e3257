"""What is told of a run on its way, and that being looked at changes nothing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from pydantic import ValidationError
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn.functional import cross_entropy

from smelt.core.events import Event, read_events
from smelt.core.store import Store
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.steps import Read
from smelt.errors import InputError
from smelt.models.huggingface import load
from smelt.models.sizes import Family
from smelt.models.stack import Decoder
from smelt.runs.branch_steps import TrainBranch
from smelt.runs.branches import fork
from smelt.runs.evaluate import by_domain, evaluation_starts, held_out_loss
from smelt.runs.run import Run
from smelt.runs.steps import Train
from smelt.runs.trackers import open_tracker
from smelt.runs.watch import Watch
from smelt.tokens.steps import Tokenize, TrainTokenizer
from smelt.tokens.tokens import Tokens

WATCH = {
    "evaluations": 3, "samples": ["the law"], "sample_tokens": 5, "peak_flops": 1e12, "watts": 100, "price_per_hour": 2,
    "trackers": ["tensorboard"],
}  # fmt: skip


def documents() -> list[dict[str, str]]:
    rng = np.random.default_rng(0)
    words = {"law": ["the", "law", "of", "the", "state"], "song": ["la", "ti", "do", "re"]}
    domains = ["law", "law", "song"] * 60
    return [{"text": " ".join(rng.choice(words[name], 40)) + f" {i}", "domain": name} for i, name in enumerate(domains)]


@pytest.fixture
def tokens(tmp_path: Path) -> Tokenize:
    path = tmp_path / "some.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in documents()))
    corpus = Dedup(corpus=Read(paths=(str(path),)), method="exact", held_out=0.3)
    return Tokenize(corpus=corpus, tokenizer=TrainTokenizer(corpus=corpus, vocab=300))


def trained(store: Store, tokens: Tokenize, **fields: Any) -> Run:
    plain = {"d_model": 16, "n_layers": 2, "n_tokens": 8e3, "family": Family(context=16), "tokens": tokens}
    return store.make(Train.model_validate({**plain, **fields}), "run")


def told(store: Store, event: str) -> list[Event]:
    lines = [line for path in sorted(store.root.rglob("*.jsonl")) for line, _ in read_events(path)]
    return [line for line in lines if line["event"] == event]


def test_a_run_that_is_watched_is_the_same_run(tmp_path: Path, tokens: Tokenize) -> None:
    alone, seen = Store(tmp_path / "alone"), Store(tmp_path / "seen")
    first, second = trained(alone, tokens), trained(seen, tokens, watch=WATCH)
    assert first.folder.name == second.folder.name
    for name in ("model.safetensors", "run.json", "curve.parquet"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes(), name


def test_what_is_told(tmp_path: Path, tokens: Tokenize) -> None:
    store = Store(tmp_path / "store")
    trained(store, tokens, watch=WATCH)
    looks, pace = told(store, "evaluate"), told(store, "train")
    assert [look["step"] for look in looks] == sorted({look["step"] for look in looks})
    assert len(looks) == 3
    assert {"law/bpb", "song/bpb", "held_out/loss_nats"} <= set(looks[-1])
    assert looks[-1]["held_out/loss_nats"] < looks[0]["held_out/loss_nats"]
    last = pace[-1]
    assert last["cost"] == pytest.approx(last["kwh"] / 100 * 1000 * 2, rel=1e-9)  # as long, at 2 an hour and 100 W
    assert 0 < last["mfu"] < 1
    assert last["memory_bytes"] > 1e8
    samples = told(store, "sample")
    assert len(samples) == 3
    assert all(sample["start"] == "the law" and isinstance(sample["text"], str) for sample in samples)
    folder = next((tmp_path / "trackers" / "tensorboard").iterdir())
    found = EventAccumulator(str(folder)).Reload()
    scalars = found.Scalars("law/bpb")
    assert [scalar.step for scalar in scalars] == [look["step"] for look in looks]
    assert [scalar.value for scalar in scalars] == pytest.approx([look["law/bpb"] for look in looks], rel=1e-6)


def test_a_run_that_goes_on_tells_of_what_it_learns_and_not_again_of_what_was_learned(
    tmp_path: Path, tokens: Tokenize
) -> None:
    store = Store(tmp_path / "store")
    wsd = {"schedule": {"kind": "wsd", "decay": 0.5}}
    trunk = Train.model_validate(
        {"d_model": 16, "n_layers": 2, "n_tokens": 8e3, "family": Family(context=16), "tokens": tokens,
         "hparams": wsd, "branches": (6e3,), "watch": {"evaluations": 10}}
    )  # fmt: skip
    store.make(trunk, "trunk")
    branch = store.make(TrainBranch(trunk=trunk, n_tokens=6e3), "branch")
    assignment = trunk.assignment(300)
    begins = fork(assignment.hparams, assignment.pace, 6e3)
    told_of = [look["step"] for look in told(store, "evaluate") if "branch@" in str(look["artifact"])]
    assert told_of
    assert all(begins < int(str(step)) <= branch.record.steps for step in told_of)
    assert branch.curve["step"].to_list()[0] < begins  # the curve has the whole


def test_domains_make_up_the_whole_and_each_has_the_loss_of_its_own_text(tmp_path: Path, tokens: Tokenize) -> None:
    store = Store(tmp_path / "store")
    model, opened = load(trained(store, tokens).folder), store.open(tokens)
    assert isinstance(model, Decoder)
    assert isinstance(opened, Tokens)
    stream = opened.stream("held_out")
    starts = evaluation_starts(len(stream), context=16, at_most=10_000)
    found = by_domain(model, opened, at_most=10_000)
    assert set(found) == {"law", "song"}
    total = sum(one.loss_nats * one.n_tokens for one in found.values()) / sum(one.n_tokens for one in found.values())
    assert total == pytest.approx(held_out_loss(model, stream.windows(starts, 17)), rel=1e-6)
    rows = opened.documents.filter(pl.col("split") == "held_out")
    domain_of = np.concatenate([[row["domain"]] * row["n_tokens"] for row in rows.iter_rows(named=True)])
    sung = domain_of[starts[:, None] + np.arange(1, 17)] == "song"
    ids = torch.from_numpy(stream.windows(starts, 17))
    nats = cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten(), reduction="none").detach()
    assert found["song"].n_tokens == sung.sum()
    assert found["song"].loss_nats == pytest.approx(float(nats[torch.from_numpy(sung).flatten()].mean()), rel=1e-5)
    songs = rows.filter(pl.col("domain") == "song")
    bytes_per_token = songs["n_bytes"].sum() / songs["n_tokens"].sum()
    assert found["song"].bpb == pytest.approx(found["song"].loss_nats / np.log(2) / bytes_per_token)


def test_what_cannot_be_watched_is_refused(tmp_path: Path, tokens: Tokenize, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="samples are written at evaluations"):
        Watch(samples=("the",))
    encoder = {"family": {"context": 16, "kind": "encoder"}, "objective": {"kind": "masked"}}
    with pytest.raises(InputError, match=re.escape("watch.evaluations: loss by domain is of every token")):
        trained(Store(tmp_path / "store"), tokens, watch={"evaluations": 2}, **encoder)
    machine = {"processes": 2, "parallel": "fsdp"}
    with pytest.raises(InputError, match="has the whole model"):
        trained(Store(tmp_path / "store"), tokens, watch={"evaluations": 2}, machine=machine, n_tokens=8e3,
                hparams={"batch_tokens": 9000})  # fmt: skip
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match="mlflow is not installed"):
        open_tracker("mlflow", tmp_path, "run")
