"""A corpus that is split in part is refused before anything is made of it, with its shard and its numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from smelt.core.step import Step
from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.augment.steps import Augment
from smelt.corpus.corpus import Corpus
from smelt.corpus.mix.steps import Mix
from smelt.corpus.steps import Curate, Read
from smelt.errors import InputError

TEXT = "However, the ore was melted by the men of the town, and the slag was sold. "
STEPS: dict[str, Callable[[Step[Corpus]], Step[Corpus]]] = {
    "augment": lambda corpus: Augment.model_validate({"corpus": corpus, "op": "synonyms"}),
    "curate": lambda corpus: Curate.model_validate({"corpus": corpus, "ops": ["pii", "noise"]}),
    "mix": lambda corpus: Mix(corpora=(corpus,)),
}


def read(folder: Path, splits: Sequence[str | None], name: str = "a") -> Read:
    rows = [{"text": f"{TEXT}{n}"} | ({"split": split} if split else {}) for n, split in enumerate(splits)]
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Read(paths=(str(path),), identify="content", shard_bytes=10 * len(TEXT))


def files_of(store: Path, step: str) -> list[Path]:
    """What a step has left of a corpus, whole or not."""
    folders = [path for path in store.glob("corpus/*") if path.name.startswith(step)]
    return [path for folder in folders for name in ("kept", "dropped") for path in folder.rglob(f"{name}/*")]


@pytest.mark.parametrize("step", STEPS)
def test_a_corpus_split_in_part_is_refused_before_anything_is_written(tmp_path: Path, step: str) -> None:
    splits = ["train", "train", "held_out", None] * 3 + ["train"] * 30
    raw = read(tmp_path, ["train"] * 20 + splits)
    store = Store(tmp_path / "store", runner=Inline())
    shards = store.make(raw).shards
    counts = [pl.read_parquet(shard)["meta"].str.json_path_match("$.split").to_list() for shard in shards]
    at = next(n for n, found in enumerate(counts) if None in found)
    assert at > 0  # the first shards are as they should be
    with pytest.raises(InputError) as refused:
        store.make(STEPS[step](raw))
    assert refused.value.where.endswith(f"kept/{at:05d}.parquet")
    here = {name: counts[at].count(name) for name in ("held_out", "train", None)}
    of_shard, of_all = refused.value.what.split("; of all documents ")
    assert of_shard.endswith(", ".join(f"{n} {name or 'without a split'}" for name, n in here.items() if n))
    assert of_all == "3 held_out, 56 train, 3 without a split"
    assert not files_of(tmp_path / "store", step)


@pytest.mark.parametrize("step", STEPS)
def test_shards_that_are_split_beside_shards_that_are_not_are_refused_too(tmp_path: Path, step: str) -> None:
    raw = read(tmp_path, ["train"] * 40 + [None] * 40)
    with pytest.raises(InputError, match=r"is split in part: .* of all documents 40 train, 40 without a split"):
        Store(tmp_path / "store", runner=Inline()).make(STEPS[step](raw))


@pytest.mark.parametrize("step", STEPS)
def test_a_split_by_another_name_is_refused_and_not_trained_on(tmp_path: Path, step: str) -> None:
    raw = read(tmp_path, ["train", "train", "validation"])
    with pytest.raises(
        InputError, match="of the split 'validation': 2 train, 1 validation; expected train or held_out"
    ):
        Store(tmp_path / "store", runner=Inline()).make(STEPS[step](raw))


@pytest.mark.parametrize("step", ["augment", "curate"])
def test_a_corpus_without_any_split_is_not_augmented(tmp_path: Path, step: str) -> None:
    with pytest.raises(InputError, match="the documents are not split"):
        Store(tmp_path / "store", runner=Inline()).make(STEPS[step](read(tmp_path, [None] * 30)))
    assert not files_of(tmp_path / "store", step)


def test_a_corpus_without_any_split_is_mixed_and_counts_as_train_beside_one_that_has(tmp_path: Path) -> None:
    one, other = read(tmp_path, ["train", "held_out"] * 5), read(tmp_path, [None] * 10, "b")
    mixed = Store(tmp_path / "store", runner=Inline()).make(Mix(corpora=(one, other)))
    assert mixed.kept().collect()["split"].value_counts(sort=True).rows() == [("train", 15), ("held_out", 5)]
    alone = Store(tmp_path / "store", runner=Inline()).make(Mix(corpora=(other,)))
    assert "split" not in alone.kept().collect_schema()
