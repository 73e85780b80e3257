"""Runs and ladders in a store: what is written, that it is the same each time, and that nothing is trained twice."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from transformers import AutoModelForCausalLM

from smelt.core.artifact import Artifact
from smelt.core.events import read_events
from smelt.core.local import LocalRunner
from smelt.core.step import Sizes, Step
from smelt.core.store import Store
from smelt.errors import InputError
from smelt.models.flops import flops_6nd, flops_per_token, n_params
from smelt.models.huggingface import load
from smelt.models.sizes import Family
from smelt.runs.evaluate import held_out_loss
from smelt.runs.hparams import Hparams
from smelt.runs.run import CURVE_COLUMNS, TABLE, Run
from smelt.runs.steps import Ladder, Train
from token_files import Chain

TOKENS = Chain()
FAMILY = Family(context=16)


def some_train(**changes: object) -> Train:
    plain = {"tokens": TOKENS, "d_model": 16, "n_layers": 2, "n_tokens": "12k", "family": FAMILY}
    return Train.model_validate({**plain, **changes})


def some_ladder(**changes: object) -> Ladder:
    plain = {"tokens": TOKENS, "flops": (2e8, 6e8), "sizes_per_budget": 3, "family": FAMILY}
    return Ladder.model_validate({**plain, **changes})


def digests(artifact: Artifact) -> dict[str, str]:
    """The files of an artifact without its manifest, which holds times."""
    paths = [path for path in sorted(artifact.folder.rglob("*")) if path.is_file() and path.name != "manifest.json"]
    return {str(path.relative_to(artifact.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory, runner: LocalRunner) -> Store:
    return Store(tmp_path_factory.mktemp("store"), runner=runner)


@pytest.fixture(scope="module")
def some_run(module_store: Store) -> Run:
    return module_store.make(some_train())


def test_a_run_records_what_it_was_and_what_it_cost(some_run: Run) -> None:
    record = some_run.record
    assert record.config == FAMILY.shape(vocab=64, d_model=16, n_layers=2)
    assert record.n_tokens == record.steps * record.batch_tokens == pytest.approx(12_000, rel=0.01)
    assert record.epochs == record.n_tokens / 20_000
    assert record.n_params == n_params(record.config)
    assert record.flops == record.n_tokens * flops_per_token(record.config)
    assert record.flops_6nd == flops_6nd(record.config, record.n_tokens)
    assert record.bpb == pytest.approx(record.loss_nats / math.log(2) / TOKENS.bytes_per_token)
    assert 1.1 < record.loss_nats < 2.5 < math.log(64)


def test_a_run_keeps_the_model_whose_loss_it_tells(some_run: Run, module_store: Store) -> None:
    stream = module_store.open(TOKENS).stream("held_out")
    windows = stream.windows(np.arange(0, len(stream) - 16, 16), 17)
    assert held_out_loss(load(some_run.folder), windows) == pytest.approx(some_run.record.loss_nats, rel=1e-6)


def test_transformers_loads_the_folder_of_a_run(some_run: Run) -> None:
    theirs = AutoModelForCausalLM.from_pretrained(some_run.folder)
    assert sum(parameter.numel() for parameter in theirs.parameters()) == some_run.record.n_params


def test_a_curve_falls_and_ends_where_the_run_does(some_run: Run) -> None:
    curve, record = some_run.curve, some_run.record
    assert dict(curve.schema) == CURVE_COLUMNS
    assert curve.row(-1)[:3] == (record.steps, record.n_tokens, record.flops)
    assert curve["loss_nats"][0] == pytest.approx(math.log(64), abs=0.1)
    assert curve["loss_nats"][-1] < curve["loss_nats"][0] - 1


def test_a_run_tells_of_its_progress_about_ten_times(some_run: Run, module_store: Store) -> None:
    told = [event for event, _ in read_events(module_store.events.path) if event["event"] == "train"]
    assert 5 <= len(told) <= 10
    assert {"run", "share", "loss_nats", "tokens_per_second"} <= told[-1].keys()
    assert told[-1]["run"] == some_run.manifest.name == "d16-l2-12k-s0"


def test_a_run_of_experts_tells_what_its_routers_did(module_store: Store) -> None:
    module_store.make(some_train(family=Family.model_validate({"context": 16, "experts": {"n": 4, "top_k": 2}})))
    [told] = [event for event, _ in read_events(module_store.events.path) if event["event"] == "router"]
    assert 0 <= told["least_load"] <= 1 <= told["most_load"] <= 2
    assert told["dropped"] == 0


def test_two_trainings_give_the_same_bytes(some_run: Run, store: Store) -> None:
    again = store.make(some_train())
    assert digests(again) == digests(some_run)
    assert set(digests(again)) == {"config.json", "curve.parquet", "model.safetensors", "run.json"}


def test_a_lost_loss_stops_the_run_and_names_it(store: Store) -> None:
    with pytest.raises(InputError, match=r"run d16-l2-12k-s0: the training loss is (nan|inf)") as caught:
        store.make(some_train(hparams=Hparams(head_lr=1e38)))
    assert caught.value.do is not None
    assert store.find(some_train()) is None


def test_a_ladder_is_a_table_of_its_runs(module_store: Store) -> None:
    ladder = some_ladder()
    table = module_store.make(ladder)
    assert dict(table.runs.schema) == TABLE
    assert table.runs.height == table.curves["run"].n_unique() == 6
    assert (table.runs["flops"] / table.runs["budget_flops"] - 1).abs().max() < 0.02
    assert table.runs.group_by("budget_flops").agg(pl.col("d_model").n_unique())["d_model"].to_list() == [3, 3]
    first = module_store.open(ladder.train_step(ladder.rungs(64)[0]))
    row = table.runs.row(0, named=True)
    assert row["run"] == first.folder.name
    assert (row["loss_nats"], row["n_params"]) == (first.record.loss_nats, first.record.n_params)
    assert table.curves.filter(pl.col("run") == row["run"]).drop("run").equals(first.curve)


def test_a_ladder_made_again_elsewhere_has_the_same_bytes(module_store: Store, store: Store) -> None:
    assert digests(store.make(some_ladder())) == digests(module_store.make(some_ladder()))


def test_another_budget_trains_only_its_own_runs(module_store: Store) -> None:
    module_store.make(some_ladder())
    before = trained(module_store)
    larger = some_ladder(flops=(2e8, 6e8, 1e9))
    estimate = larger.estimate(sizes_in(module_store))
    assert estimate.note == "9 runs, 3 to train"
    assert 0 < estimate.core_seconds < some_ladder(seeds=9).estimate(sizes_in(module_store)).core_seconds
    module_store.make(larger)
    assert len(trained(module_store)) == len(before) + 3
    assert before.items() <= trained(module_store).items()
    assert larger.estimate(sizes_in(module_store)).core_seconds == 0


def test_recipes_may_say_numbers_as_people_write_them() -> None:
    assert some_ladder(flops=["2e8", "600M"]).fingerprint == some_ladder().fingerprint


def test_listing_steps_does_not_import_torch() -> None:
    code = "import sys, smelt.runs.steps; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def sizes_in(store: Store) -> Sizes:
    def is_made(step: Step[Artifact]) -> bool:
        return store.find(step) is not None

    return Sizes({TOKENS.fingerprint: store.open(TOKENS).manifest.counts}, is_made=is_made)


def trained(store: Store) -> dict[Path, str]:
    """When each run was started, by folder."""
    return {folder: manifest.started for folder, manifest in store.manifests() if manifest.kind == "run"}


@pytest.mark.parametrize(
    ("objective", "family", "message"),
    [
        ({"kind": "masked"}, {}, "asks a decoder; expected kind = 'encoder' in the family"),
        ({"segments": 2}, {}, "has segments, and the family has no memory"),
        (
            {"within_documents": True, "segments": 2}, {"positions": "transformer-xl", "memory": 8},
            "keeps documents apart, and the memory joins them",
        ),
        ({"kind": "prefix"}, {"window": 4}, "reads a prefix whole, and windows do not"),
    ],
)  # fmt: skip
def test_what_a_model_would_not_see_is_not_asked_of_it(
    objective: dict[str, object], family: dict[str, object], message: str, store: Store
) -> None:
    with pytest.raises(InputError, match=message):
        store.make(some_train(objective=objective, family={"context": 16, **family}))


def test_text_that_would_come_too_often_is_refused_with_how_often(store: Store) -> None:
    with pytest.raises(
        InputError, match=r"(?s)n_tokens 100k: takes 5 epochs of the 20k tokens .*at most 4.*max_epochs"
    ):
        store.make(some_train(n_tokens="100k"))
    assert store.make(some_train(n_tokens="100k", max_epochs=5)).record.epochs == pytest.approx(5, rel=0.01)
