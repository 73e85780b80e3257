"""What each step makes of the tiny recipe, pinned; and the law of the quickstart.

A digest that differs means that the step now makes something else of the same fields. If that is meant, bump the step's
`version` and run `pytest tests/pipeline/test_goldens.py --update-goldens`; if not, mend the code. Corpora, tokenizer
and tokens are pinned to the bit. Losses are pinned within a tolerance, since another processor adds in another order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xxhash

from pipeline_runs import QUICKSTART, ROOT, first_lines, smelt
from smelt.core.artifact import Artifact
from smelt.core.recipe import Recipe
from smelt.core.step import Step
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.augment.steps import Augment
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.mix.steps import Mix
from smelt.corpus.steps import Read
from smelt.laws.derive import derive_law
from smelt.laws.law import ScalingLaw
from smelt.laws.steps import ExistingRuns

GOLDENS = Path(__file__).parent / "goldens.json"
QUICKSTART_RUNS = Path(__file__).parent / "quickstart-runs.parquet"
EXACT = ("raw", "clean", "unique", "tokenizer", "tokens")
MIXED = ("noisy", "synonymous", "paraphrased", "mixed", "table")
"""Of texts as they are, so that no change of extraction or of rules shows in them; and of a table of runs."""
LOSS_TOLERANCE = 0.02
"""Nats. Processors part by thousandths over some hundred steps (assumption: one kind was measured); another way of
training parts them by tenths."""


@pytest.fixture(scope="module")
def artifacts(tiny_recipe: Path, tiny_store: Store) -> dict[str, Artifact]:
    return {name: tiny_store.open(step) for name, step in Recipe.load(tiny_recipe).steps.items()}


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    folder = tmp_path_factory.mktemp("mixtures")
    for name, n in (("statutes-zh", 30), ("government", 60)):
        (folder / f"{name}.jsonl").write_text("".join(first_lines(QUICKSTART / f"{name}.jsonl.zst", n)), "utf-8")
    raw = Read(paths=(str(folder / "*.jsonl"),), identify="content")
    unique = Dedup(corpus=raw, method="exact", held_out=0.2)
    steps: dict[str, Step[Artifact]] = {
        name: Augment.model_validate({"corpus": unique, "op": op})
        for name, op in zip(MIXED, ("noise", "synonyms", "paraphrase"), strict=False)
    }
    steps["mixed"] = Mix(
        corpora=(unique, steps["noisy"]), weights={"zh": 0.6}, budget=1_500_000, unit="bytes", epochs=3
    )
    steps["table"] = ExistingRuns(path=str(ROOT / "docs/how-to/runs.csv"))
    return Recipe(steps).make(Store(folder / "store", runner=Inline()))


def digest(artifact: Artifact) -> str:
    """Over all data in the order of its files, whatever the shards it is cut into: of Parquet files the rows, since
    their bytes change with the writer's version; of others the bytes."""
    found = xxhash.xxh3_128()
    for path in sorted(path for path in artifact.folder.rglob("*") if path.is_file() and path.name != "manifest.json"):
        found.update(pl.read_parquet(path).write_ndjson().encode() if path.suffix == ".parquet" else path.read_bytes())
    return found.hexdigest()


def pinned(artifacts: dict[str, Artifact], name: str) -> dict[str, Any]:
    manifest = artifacts[name].manifest
    return {"step": manifest.step, "version": manifest.step_version, "digest": digest(artifacts[name])}


def losses(artifacts: dict[str, Artifact]) -> list[float]:
    runs = pl.read_parquet(artifacts["ladder"].folder / "runs.parquet").sort("budget_flops", "n_params")
    return [round(loss, 4) for loss in runs["loss_nats"]]


@pytest.fixture(scope="module")
def goldens(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.config.getoption("--update-goldens"):
        artifacts = {name: request.getfixturevalue(name) for name in ("artifacts", "mixtures")}
        value = {name: pinned(artifacts["artifacts"], name) for name in EXACT}
        value |= {name: pinned(artifacts["mixtures"], name) for name in MIXED}
        GOLDENS.write_text(json.dumps({**value, "losses": losses(artifacts["artifacts"])}, indent=1) + "\n")
    return json.loads(GOLDENS.read_text())


@pytest.mark.parametrize("name", MIXED)
def test_mixtures_and_augmentations_are_what_they_were(
    name: str, mixtures: dict[str, Artifact], goldens: dict[str, Any]
) -> None:
    step = mixtures[name].manifest.step
    why = f"output changed: bump the version of {step!r} or of its op, or mend the code"
    assert pinned(mixtures, name) == goldens[name], why


@pytest.mark.parametrize("name", EXACT)
def test_the_step_makes_what_it_made_before(name: str, artifacts: dict[str, Artifact], goldens: dict[str, Any]) -> None:
    step = artifacts[name].manifest.step
    assert pinned(artifacts, name) == goldens[name], f"output changed: bump the version of {step!r}, or mend the code"


def test_the_ladder_reaches_the_losses_it_reached_before(
    artifacts: dict[str, Artifact], goldens: dict[str, Any]
) -> None:
    assert losses(artifacts) == pytest.approx(goldens["losses"], abs=LOSS_TOLERANCE)


QUICKSTART_LAW = {
    "minima": [29287.6, 49928.9, 82943.8, 130595.0],
    "d_opt exponent": 0.526389,
    "d_opt exponent, 95%": [0.493261, 0.554486],
    "alpha": 0.395793,
    "beta": 0.314203,
    "E": 2.64994,
}
"""The law of quickstart-runs.parquet, which is the run table of the quickstart."""


def law_numbers(law: ScalingLaw) -> dict[str, Any]:
    isoflop, parametric = law.findings.isoflop, law.findings.parametric
    assert isoflop is not None
    assert parametric is not None
    b = isoflop.exponents["b"]
    return {
        "minima": [minimum.n_opt.mid for minimum in isoflop.budgets if minimum.n_opt and minimum.interior],
        "d_opt exponent": b.value,
        "d_opt exponent, 95%": list(b.ci95 or ()),
        **{name: parametric.params[name].value for name in ("alpha", "beta", "E")},
    }


def test_the_law_of_the_quickstarts_runs_is_what_it_was() -> None:
    law = derive_law(pl.read_parquet(QUICKSTART_RUNS))
    for name, value in law_numbers(law).items():
        assert value == pytest.approx(QUICKSTART_LAW[name], rel=1e-3), name


@pytest.mark.slow
def test_the_quickstart_makes_the_runs_that_its_law_is_pinned_on(tmp_path: Path) -> None:
    smelt("run", ROOT / "recipes" / "quickstart.toml", "--store", tmp_path, "--no-report")
    made = pl.read_parquet(next(tmp_path.glob("runtable/*/runs.parquet")))
    pinned_runs = pl.read_parquet(QUICKSTART_RUNS)
    shape = ["budget_flops", "n_params", "n_tokens", "steps", "seed"]
    assert made.select(shape).equals(pinned_runs.select(shape))
    assert made["loss_nats"].to_list() == pytest.approx(pinned_runs["loss_nats"].to_list(), abs=LOSS_TOLERANCE)
