"""How fast documents are mixed and augmented, as whole steps, from Parquet to Parquet in one worker.

What every step pays, the reading and writing of all rows by Polars alone, is measured beside it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.figures import Figure
from benchmarks.samples import chinese, english, megabytes_per_second
from smelt.core.local import LocalRunner
from smelt.core.step import Step
from smelt.core.store import Store
from smelt.corpus.augment.steps import Augment
from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.mix.steps import Mix
from smelt.corpus.steps import Read
from smelt.tokens.steps import TrainTokenizer

TEXT_BYTES = 40_000_000
"""Text of each language."""
VOCAB = 8_192
AUGMENTATIONS = ("noise", "synonyms", "paraphrase")


def measure_mixing() -> Iterator[Figure]:
    """Megabytes of text a CPU-second of one core: steps with their phases, of both languages and of each."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store", runner=LocalRunner(1)) as store:
        corpora = {
            language: _corpus(store, Path(folder), language, texts)
            for language, texts in (("English", english(TEXT_BYTES)), ("Chinese", chinese(TEXT_BYTES)))
        }
        yield from _mixtures(store, tuple(corpora.values()))
        for name in AUGMENTATIONS:
            for language, corpus in corpora.items():
                rate = step_rate(store, Augment.model_validate({"corpus": corpus, "op": name}), corpus)
                yield Figure(f"augment: {name}, {language}", rate, "MB/s", "")


def step_rate(store: Store, step: Step[Corpus], *corpora: Step[Corpus]) -> float:
    """Megabytes of the corpora's text a CPU-second of the step."""
    return sum(_bytes(store, corpus) for corpus in corpora) / 1e6 / store.make(step).manifest.cpu_seconds


def copy_rate(store: Store, *corpora: Step[Corpus]) -> float:
    """Megabytes of text a CPU-second where every shard is read and written, and nothing else."""
    shards = [shard for corpus in corpora for shard in store.open(corpus).shards]
    n_bytes = sum(_bytes(store, corpus) for corpus in corpora)
    with tempfile.TemporaryDirectory() as folder:

        def copy() -> None:
            for shard in shards:
                pl.read_parquet(shard).write_parquet(Path(folder) / shard.name, row_group_size=1_024)

        return megabytes_per_second(copy, n_bytes)


def _mixtures(store: Store, corpora: Sequence[Step[Corpus]]) -> Iterator[Figure]:
    """All documents in half the bytes, and in tokens that a tokenizer counts."""
    budget = sum(_bytes(store, corpus) for corpus in corpora) // 2
    common: Mapping[str, Any] = {"corpora": tuple(corpora), "by": ("language", "domain"), "weights": {"zh/law": 0.3}}
    peers = {"polars, copy alone": copy_rate(store, *corpora)}
    rate = step_rate(store, Mix(**common, budget=budget, unit="bytes"), *corpora)
    yield Figure("mix: half of the bytes, by language and domain", rate, "MB/s", "", peers)
    tokenizer = TrainTokenizer(corpus=corpora[0], vocab=VOCAB)
    store.make(tokenizer)
    rate = step_rate(store, Mix(**common, budget=budget // 4, tokenizer=tokenizer), *corpora)
    yield Figure(f"mix: tokens counted, vocabulary of {VOCAB:,}", rate, "MB/s", "", peers)


def _corpus(store: Store, folder: Path, language: str, texts: Sequence[str]) -> Step[Corpus]:
    """The texts as a corpus with a split, made; domains by place, of which one is law."""
    frame = pl.DataFrame({"text": texts}).with_row_index()
    frame = frame.with_columns(
        lang=pl.lit({"English": "en", "Chinese": "zh"}[language]),
        domain=pl.when(pl.col("index") % 3 == 0).then(pl.lit("law")).otherwise(pl.lit("other")),
    )
    frame.drop("index").write_parquet(folder / f"{language}.parquet", row_group_size=1_024)
    step = Dedup(corpus=Read(paths=(str(folder / f"{language}.parquet"),), identify="content"), method="exact")
    store.make(step)
    return step


def _bytes(store: Store, corpus: Step[Corpus]) -> int:
    return int(str(store.open(corpus).manifest.counts["bytes"]))
