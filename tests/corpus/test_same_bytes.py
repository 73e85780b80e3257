"""Mix, augment, outliers and decontaminate make the same of the same documents: however they are cut into shards, on
one process or two or a Ray cluster, and however often they are killed on the way."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from pipeline_runs import artifact_bytes, killed_and_resumed, ray_cluster, smelt
from smelt.core.artifact import Artifact
from smelt.core.local import LocalRunner
from smelt.core.recipe import Recipe
from smelt.core.store import Store
from smelt.core.work import Runner

N_DOCUMENTS, DOCUMENT_BYTES = 420, 600
"""420 is a multiple of 1, 2 and 7, and all texts are of one size: so many shards are asked for, so many there are."""
SHARDS = (1, 2, 7)
EN = [
    "the ore",
    "was melted",
    "However,",
    "on March 5, 2019",
    "by the men",
    "of the town",
    "about 30% of",
    "frequently",
]
ZH = [
    "本办法由国务院公布，",
    "因此，",
    "2019年3月5日",
    "矿石必须立即熔化。",
    "公民的权利",
    "经常受到保护，",
    "百分之30",
]
QUESTION = (
    "A smelter heats 42 tonnes of ore with 17 tonnes of coke for 9 hours. Which of its products leaves the furnace "
    "first, and why does the iron have to wait until the slag has run off?"
)

READ = """
[raw]
step = "read"
paths = "documents.jsonl"
identify = "content"
shard_bytes = 36000
"""
RECIPES = {
    "mix": """
[split]
step = "dedup"
corpus = "raw"
method = "exact"
held_out = 0.2

[noisy]
step = "augment"
corpus = "split"
op = { op = "noise", rate = 0.05 }

[synonymous]
step = "augment"
corpus = "split"
op = "synonyms"

[paraphrased]
step = "augment"
corpus = "split"
op = "paraphrase"

[mixed]
step = "mix"
corpora = ["split", "noisy", "synonymous", "paraphrased"]
by = ["language", "domain"]
weights = { "zh/d0" = 0.3, "en/d1" = 0.25 }
budget = "450k"
unit = "bytes"
epochs = 3
""",
    "outliers": """
[unusual]
step = "outliers"
corpus = "raw"
drop = true
""",
    "decontaminate": """
[uncontaminated]
step = "decontaminate"
corpus = "raw"
evals = "evals.jsonl"
""",
}


def text_of(chance: random.Random, number: int, language: str) -> str:
    """A text of `DOCUMENT_BYTES` bytes; now and then one like no other, or one that holds an evaluation item."""
    words = chance.choices(ZH if language == "zh" else EN, k=60)
    text = f"{number} {QUESTION if number % 97 == 5 else '# ' * 250 if number % 101 == 7 else ''} {' '.join(words)}"
    cut = text.encode()[:DOCUMENT_BYTES].decode(errors="ignore")
    return cut + "." * (DOCUMENT_BYTES - len(cut.encode()))


def write_recipe(folder: Path, *names: str) -> Path:
    """The recipe with these parts, and what it reads."""
    chance = random.Random(17)
    rows = [
        {"text": text_of(chance, n, language := ("zh", "en")[n % 3 > 0]), "lang": language, "domain": f"d{n % 2}"}
        for n in range(N_DOCUMENTS)
    ]
    (folder / "documents.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    (folder / "evals.jsonl").write_text(json.dumps({"question": QUESTION}) + "\n")
    (folder / "r.toml").write_text(READ + "".join(RECIPES[name] for name in names))
    return folder / "r.toml"


def rows_of(artifact: Artifact) -> dict[str, bytes]:
    """What an artifact holds, whatever the files it is cut into: rows of tables, bytes of all else."""
    found: dict[str, bytes] = {}
    for path in sorted(path for path in artifact.folder.rglob("*") if path.is_file() and path.name != "manifest.json"):
        is_table = path.suffix == ".parquet"
        name = str(path.relative_to(artifact.folder).parent if is_table else path.name)
        found[name] = found.get(name, b"") + (
            pl.read_parquet(path).write_ndjson().encode() if is_table else path.read_bytes()
        )
    return found


@pytest.fixture(scope="module")
def runners(runner: LocalRunner) -> Iterator[dict[int, Runner]]:
    """One process, and two."""
    one = LocalRunner(1)
    yield {1: one, 2: runner}
    one.close()


def test_any_shards_and_workers_make_the_same_bytes(tmp_path: Path, runners: dict[int, Runner]) -> None:
    recipe = write_recipe(tmp_path, *RECIPES)
    made: dict[tuple[int, int], dict[str, Artifact]] = {}
    for n_shards in SHARDS:
        steps = Recipe.load(recipe, [cut(n_shards)])
        for workers, runner in runners.items():
            store = Store(tmp_path / f"{n_shards}-{workers}", runner=runner)
            made[n_shards, workers] = steps.make(store)
            for name in ("raw", "split", "noisy", "unusual", "uncontaminated"):
                shards = list((made[n_shards, workers][name].folder / "kept").iterdir())
                assert len(shards) == n_shards, name
    first = {name: rows_of(artifact) for name, artifact in made[1, 1].items()}
    for artifacts in made.values():
        assert {name: rows_of(artifact) for name, artifact in artifacts.items()} == first
    for n_shards in SHARDS:  # and cut alike they are the same, file by file
        assert artifact_bytes(tmp_path / f"{n_shards}-1") == artifact_bytes(tmp_path / f"{n_shards}-2")
    counts = {name: artifact.manifest.counts for name, artifact in made[7, 2].items()}
    assert counts["mixed"]["repeats"] > 0
    assert 0 < counts["unusual"]["dropped"] < 20
    assert counts["uncontaminated"]["dropped"] == sum(n % 97 == 5 for n in range(N_DOCUMENTS))


def cut(n_shards: int) -> str:
    """The setting with which the documents come in so many shards."""
    return f"raw.shard_bytes={N_DOCUMENTS // n_shards * DOCUMENT_BYTES}"


@pytest.mark.parametrize("part", ["mix", "outliers"])
def test_a_run_killed_twice_resumes_to_the_same_bytes(tmp_path: Path, part: str) -> None:
    killed_and_resumed(write_recipe(tmp_path, part), cut(7), kills=2, seed=18, workers=2)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("n_shards", SHARDS)
@pytest.mark.parametrize("part", RECIPES)
def test_a_run_killed_ten_times_resumes_to_the_same_bytes(
    tmp_path: Path, part: str, n_shards: int, workers: int
) -> None:
    killed_and_resumed(write_recipe(tmp_path, part), cut(n_shards), kills=10, seed=19, workers=workers)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_makes_the_same_corpora_as_local_processes(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, *RECIPES)
    smelt("run", recipe, "--store", tmp_path / "here", "--no-report", "--workers", "1")
    with ray_cluster() as address:
        smelt("run", recipe, "--store", tmp_path / "ray", "--no-report", "--on", "ray", RAY_ADDRESS=address)
    assert artifact_bytes(tmp_path / "ray") == artifact_bytes(tmp_path / "here")
