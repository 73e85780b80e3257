"""The corpus does not depend on how its documents are cut into shards, nor on where they are worked on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline_runs import artifact_bytes, kill_while_running, ray_cluster, smelt
from smelt.core.recipe import Recipe
from smelt.core.store import Store
from smelt.core.work import Runner
from smelt.corpus.corpus import Corpus

SHARD_BYTES = {1: "1GB", 2: "1800kB", 7: "480kB"}
"""How the tiny recipe's documents make so many shards."""

ignore_ray_leftovers = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a two-node Ray cluster on this machine."""
    with ray_cluster() as address:
        yield address


def make_unique(recipe: Path, shards: int, *, store: Path, runner: Runner) -> Corpus:
    loaded = Recipe.load(recipe, [f"raw.shard_bytes={SHARD_BYTES[shards]}"])
    opened = Store(store, runner=runner)
    for name in ("raw", "clean", "unique"):
        opened.make(loaded.steps[name], name)
    assert len(list((opened.open(loaded.steps["raw"]).folder / "kept").iterdir())) == shards
    corpus = opened.open(loaded.steps["unique"])
    assert isinstance(corpus, Corpus)
    return corpus


def rows(corpus: Corpus, part: str) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted((corpus.folder / part).glob("*.parquet"))])


def assert_same(corpus: Corpus, reference: Corpus) -> None:
    assert corpus.manifest.fingerprint == reference.manifest.fingerprint
    for part in ("kept", "dropped"):
        assert_frame_equal(rows(corpus, part), rows(reference, part))
    assert (corpus.folder / "ledger.json").read_bytes() == (reference.folder / "ledger.json").read_bytes()


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_any_number_of_shards_makes_the_same_corpus(
    shards: int, tiny_recipe: Path, tiny_store: Store, tmp_path: Path, runner: Runner
) -> None:
    reference = tiny_store.open(Recipe.load(tiny_recipe).steps["unique"])
    assert_same(make_unique(tiny_recipe, shards, store=tmp_path, runner=runner), reference)


class TestOnRay:
    pytestmark = ignore_ray_leftovers

    @pytest.mark.parametrize("shards", [1, 2, 7])
    def test_ray_makes_the_same_corpus_of_any_number_of_shards(
        self, shards: int, tiny_recipe: Path, tiny_store: Store, tmp_path: Path, cluster: str
    ) -> None:
        from smelt.core.ray import RayRunner

        runner, reference = RayRunner(cluster), tiny_store.open(Recipe.load(tiny_recipe).steps["unique"])
        try:
            assert_same(make_unique(tiny_recipe, shards, store=tmp_path, runner=runner), reference)
        finally:
            runner.close()

    def test_a_whole_recipe_killed_three_times_on_ray_resumes_to_the_same_bytes(
        self, tiny_recipe: Path, tiny_store: Store, tmp_path: Path, cluster: str
    ) -> None:
        arguments = ("run", tiny_recipe, "--store", tmp_path, "--no-report", "--on", "ray")
        killed = [kill_while_running(*arguments, after=after, RAY_ADDRESS=cluster) for after in (3.0, 3.6, 4.2)]
        assert all(killed)
        smelt(*arguments, RAY_ADDRESS=cluster)
        assert artifact_bytes(tmp_path) == artifact_bytes(tiny_store.root)
