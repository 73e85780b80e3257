"""Deduplication: what it finds of what brute force finds, and how fast each method is, from Parquet to Parquet.

Brute force compares all pairs: every text's set of five-word shingles as a row of a sparse matrix, and the product of
the matrix with itself. It shares nothing with what is measured but the normal form of a text.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, chinese, english, rows
from smelt.core.local import LocalRunner
from smelt.core.store import Store
from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates.normalise import normalise
from smelt.corpus.duplicates.signatures import SIGNATURES
from smelt.corpus.duplicates.steps import Dedup, Existing
from smelt.corpus.steps import Curate, Read
from smelt.tokens.steps import ExistingTokenizer
from smelt.tokens.tokenizer import save_bpe, train_bpe

JACCARD = 0.8
MOST = 6_000
"""Documents of a corpus that are compared all with all."""
VOCAB = 8_192
REPEATED_BYTES = 100_000_000
EDIT = 0.5
"""The share of copies that are edited; of those, a word in a hundred."""


def measure_duplicates() -> Iterator[Figure]:
    """Precision and recall on real text, then rates."""
    for name, texts in real_texts():
        precision, recall, n_pairs = precision_recall(texts)
        about = f"{name}: {len(texts):,} documents, {n_pairs:,} pairs"
        yield Figure(f"near precision, {about}", precision, "", ">= 0.99")
        yield Figure(f"near recall, {about}", recall, "", ">= 0.97")
    with tempfile.TemporaryDirectory() as folder:
        write_repeated(Path(folder) / "repeated.parquet", REPEATED_BYTES)
        save_bpe(train_bpe(english(2_000_000) + chinese(2_000_000), vocab=VOCAB), Path(folder) / "tokenizer.json")
        for name, settings in methods(Path(folder)):
            rate, memory = step_rate(Path(folder), settings)
            yield Figure(f"{name}, half of 100 MB copies with edits", rate, "MB/s", "")
            yield Figure(f"{name}, peak memory of one worker and the run", memory, "GB", "")
        write_repeated(Path(folder) / "newer.parquet", REPEATED_BYTES // 10)
        for name, settings in methods(Path(folder)):
            kept, bare = seconds_against(Path(folder), settings)
            what = f"{name}, 10 MB against 100 MB that kept its signatures"
            yield Figure(what, kept, "CPU s", "", {"that kept none": bare})


def methods(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The methods and their settings; the last by the tokenizer in the folder."""
    for method in ("exact", "near", "lines", "paragraphs", "substring"):
        yield method, {"method": method}
    tokenizer = ExistingTokenizer(path=str(folder))
    yield "substring of tokens", {"method": "substring", "unit": "tokens", "tokenizer": tokenizer}


def real_texts() -> Iterator[tuple[str, list[str]]]:
    """A site over many versions, statutes in several versions, and English of all kinds."""
    yield "kafka-site", site_pages()
    yield "Chinese statutes", [str(row["text"]) for row in islice(rows(SHARED / "text_zh/law.jsonl.zst"), MOST)]
    files = sorted((SHARED / "text_en").glob("*.jsonl.zst"))
    each = MOST // len(files)
    yield "English", [str(row["text"])[:20_000] for file in files for row in islice(rows(file), each)]


def site_pages() -> list[str]:
    """The main texts of the crawl's pages of kafka.apache.org and others."""
    raw = Read(paths=(str(SHARED / "web/crawl.warc.gz"),), shard_bytes=8 * 2**20)
    with tempfile.TemporaryDirectory() as folder, Store(folder, runner=LocalRunner(1)) as store:
        pages = store.make(Curate.model_validate({"corpus": raw, "ops": ["extract"]}))
        return pages.kept(["text"]).collect()["text"].to_list()


def precision_recall(texts: Sequence[str]) -> tuple[float, float, int]:
    """Precision: of the pairs in one cluster, those that brute force connects. Recall: of the pairs that brute force
    finds alike, those in one cluster. And how many pairs those are."""
    alike = brute_force(texts)
    labels = connected_components(alike, directed=False)[1]
    found = clusters(texts)
    a, b = alike.nonzero()
    recall = float((found[a] == found[b]).mean()) if len(a) else 1.0
    together = pl.DataFrame({"found": found, "true": labels})
    all_pairs = _n_pairs(together.group_by("found").len()["len"])
    true_pairs = _n_pairs(together.group_by("found", "true").len()["len"])
    return true_pairs / all_pairs if all_pairs else 1.0, recall, len(a) // 2


def brute_force(texts: Sequence[str]) -> csr_array:
    """Which pairs have a Jaccard similarity of at least JACCARD: a symmetric matrix (n, n), nothing on its diagonal."""
    number: dict[tuple[str, ...], int] = {}
    sets: list[list[int]] = []
    for text in normalise(pl.Series(texts)):
        words = text.split(" ") if text else []
        shingles = {tuple(words[at : at + 5]) for at in range(max(len(words) - 4, min(len(words), 1)))}
        sets.append([number.setdefault(shingle, len(number)) for shingle in shingles])
    sizes = np.array([len(shingles) for shingles in sets])
    ends = np.concatenate([[0], np.cumsum(sizes)])
    matrix = csr_array((np.ones(ends[-1], np.int32), np.concatenate([*map(np.array, sets)]).astype(np.int64), ends))
    common = (matrix @ matrix.T).tocoo()
    union = sizes[common.row] + sizes[common.col] - common.data
    is_alike = (common.data >= JACCARD * union) & (common.row != common.col)
    pairs = (np.ones(is_alike.sum()), (common.row[is_alike], common.col[is_alike]))
    return csr_array(pairs, shape=(len(texts), len(texts)))


def clusters(texts: Sequence[str]) -> NDArray[np.int64]:
    """The cluster of every text, as the step finds them."""
    with tempfile.TemporaryDirectory() as folder, Store(folder, runner=LocalRunner(1)) as store:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        corpus = store.make(Dedup(corpus=Read(paths=path, max_unreadable=1), jaccard=JACCARD))
        both = pl.concat([corpus.kept(["id", "cluster"]), corpus.dropped().select("id", "cluster")]).collect()
    number = both["id"].str.extract(r"#(\d+)$").cast(pl.Int64).to_numpy() - 1
    found = -np.arange(1, len(texts) + 1)  # what could not be read is like nothing
    found[number] = both["cluster"].rank("dense").to_numpy()
    return found


def write_repeated(path: Path, n_bytes: int) -> None:
    """A corpus of which half are copies of the other half, some of them edited; in English and Chinese."""
    chance = random.Random(1)
    originals = english(min(n_bytes // 4, 60_000_000)) + chinese(min(n_bytes // 4, 60_000_000))
    texts: list[str] = []
    held = 0
    while held < n_bytes:
        text = chance.choice(originals) if len(texts) >= len(originals) else originals[len(texts)]
        texts.append(_edited(text, chance) if len(texts) >= len(originals) and chance.random() < EDIT else text)
        held += len(texts[-1].encode())
    chance.shuffle(texts)
    pl.DataFrame({"text": texts}).write_parquet(path, row_group_size=1_024)


def step_rate(folder: Path, settings: Mapping[str, Any]) -> tuple[float, float]:
    """Megabytes of text a CPU-second, and the most memory held, in GB; in one worker."""
    raw = Read(paths=folder / "repeated.parquet", shard_bytes=32 * 2**20)
    with Store(folder / "store", runner=LocalRunner(1)) as store:
        n_bytes = int(str(store.make(raw).manifest.counts["bytes"]))
        made: Corpus = store.make(Dedup.model_validate({"corpus": raw, **settings}))
        return n_bytes / 1e6 / made.manifest.cpu_seconds, made.manifest.peak_memory_bytes / 1e9


def seconds_against(folder: Path, settings: Mapping[str, Any]) -> tuple[float, float]:
    """CPU-seconds of a corpus against an older one that kept its signatures, and against its documents alone."""
    older, newer = (Read(paths=folder / f"{name}.parquet", shard_bytes=32 * 2**20) for name in ("repeated", "newer"))
    with Store(folder / "store", runner=LocalRunner(1)) as store:
        kept = store.make(Dedup.model_validate({"corpus": older, **settings})).folder
        bare = folder / f"bare-{len(list(folder.iterdir()))}"
        shutil.copytree(kept, bare, ignore=shutil.ignore_patterns(SIGNATURES))
        made = [
            store.make(Dedup.model_validate({"corpus": newer, "against": Existing(folder=str(against)), **settings}))
            for against in (kept, bare)
        ]
        return made[0].manifest.cpu_seconds, made[1].manifest.cpu_seconds


def _edited(text: str, chance: random.Random) -> str:
    """One in a hundred of its words, or of its characters where it has no spaces, replaced."""
    units = text.split(" ") if text.count(" ") > len(text) / 20 else list(text)
    return (" " if text.count(" ") > len(text) / 20 else "").join(
        chance.choice(units) if chance.random() < 0.01 else unit for unit in units
    )


def _n_pairs(sizes: pl.Series) -> int:
    return int((sizes.cast(pl.Int64) * (sizes.cast(pl.Int64) - 1) // 2).sum())
