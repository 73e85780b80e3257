"""The corpus room's rates beside those of its peers: the same texts, one after the other, per CPU-second of one core.

The peers run in environments of their own (`make bench` sets them up): their dependencies do not agree with ours.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, chinese, english, megabytes_per_second, size

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".venv-peers"
OURS_BYTES, PEER_BYTES = 12_000_000, 1_000_000
"""Text that we and that the peers are measured on, the latter being a hundred times as slow."""
CRAWLS = 4
"""Of 165 MB: the second or so in which a worker starts is then a small part of the whole."""


def measure_corpus() -> Iterator[Figure]:
    """Rates of every step, with what was wanted and what the peers reached in this run."""
    peers = peer_rates()
    en, zh = english(OURS_BYTES), chinese(OURS_BYTES)
    for language, texts, wanted in (("English", en, ">= 60"), ("Chinese", zh, ">= 40")):
        yield Figure(f"all measures, {language}", measure_rate(texts), "MB/s", wanted, peers.get("measures", {}))
    yield Figure("normalise + MinHash 14x8, English", signature_rate(en), "MB/s", ">= 120", peers.get("minhash", {}))
    yield Figure("normalise + MinHash 14x8, Chinese", signature_rate(zh), "MB/s", "")
    yield Figure("language identification", language_rate(en + zh), "MB/s", ">= 7.9")
    yield Figure("encoding, identical ids", encoding_rate(en, check=True), "MB/s", ">= 60", tokenizers_rate(en))
    yield Figure("WARC to curated Parquet, raw", end_to_end_rate(1), "MB/s", ">= 18")
    for copies, wanted in ((1, ""), (CRAWLS, ">= 0.9")):
        what = f"the same on two workers, over one: share of 2x, {copies} crawl{'s' * (copies > 1)}"
        yield Figure(what, parallel_efficiency(copies), "", wanted)


def measure_rate(texts: Sequence[str]) -> float:
    """All measures of Gopher, C4 and FineWeb."""
    from smelt.corpus.measures.measure import measure

    series = pl.Series(list(texts))
    measure(series[:1])  # compiles
    return megabytes_per_second(lambda: measure(series), size(texts))


def signature_rate(texts: Sequence[str]) -> float:
    """Normalisation and 112 minima of five-word shingles."""
    from smelt.corpus.duplicates.banding import FINEWEB
    from smelt.corpus.duplicates.minhash import signatures
    from smelt.corpus.duplicates.normalise import normalise

    series = pl.Series(list(texts))
    signatures(normalise(series[:1]), FINEWEB)
    return megabytes_per_second(lambda: signatures(normalise(series), FINEWEB), size(texts))


def language_rate(texts: Sequence[str]) -> float:
    """The op, on whole documents."""
    from smelt.corpus.document import Document, as_batch
    from smelt.corpus.label.language import Language

    batch = as_batch([Document(str(number), text) for number, text in enumerate(texts)])
    op = Language()
    op.apply(batch[:1])
    return megabytes_per_second(lambda: op.apply(batch), size(texts))


def encoding_rate(texts: Sequence[str], *, check: bool) -> float:
    """Warm, with every id held against the reference's where `check` is set."""
    from smelt.tokens.encoder import Encoder
    from smelt.tokens.tokenizer import encode, load_bpe, save_bpe, train_bpe

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        save_bpe(train_bpe(texts[::4], vocab=8_192), path)
        encoder, reference = Encoder(path), load_bpe(path)
        found = encoder.encode_batch(texts)
        if check and any(ids.tolist() != encode(reference, text) for ids, text in zip(found, texts, strict=True)):
            raise RuntimeError("the fast encoder's ids are not those of tokenizers")
        return megabytes_per_second(lambda: encoder.encode_batch(texts), size(texts))


def tokenizers_rate(texts: Sequence[str]) -> dict[str, float]:
    """Hugging Face tokenizers on a part of the texts."""
    from smelt.tokens.tokenizer import encode, train_bpe

    few = list(texts)[::10]
    bpe = train_bpe(few, vocab=8_192)
    bpe.encode_special_tokens = True
    return {"tokenizers": megabytes_per_second(lambda: [encode(bpe, text) for text in few], size(few), repeats=1)}


def end_to_end_rate(workers: int) -> float:
    """Raw megabytes a CPU-second, from a crawl's WARC through extraction (fast), language and Gopher to Parquet."""
    _, cpu, n_bytes = _curate_crawl(workers)
    return n_bytes / 1e6 / cpu


def parallel_efficiency(copies: int) -> float:
    """The share of twice the speed that two workers reach on copies of the crawl, start-up included."""
    alone, together = _curate_crawl(1, copies)[0], _curate_crawl(2, copies)[0]
    return alone / together / 2


def _curate_crawl(workers: int, copies: int = 1) -> tuple[float, float, int]:
    """Wall seconds of curating the crawl, CPU-seconds of reading and curating it, and its raw bytes."""
    from smelt.core.local import LocalRunner
    from smelt.core.store import Store
    from smelt.corpus.steps import Curate, Read

    with tempfile.TemporaryDirectory() as folder, Store(folder, runner=LocalRunner(workers)) as store:
        paths = [Path(folder) / f"crawl-{number}.warc.gz" for number in range(copies)]
        for path in paths:
            path.symlink_to(SHARED / "web/crawl.warc.gz")
        raw = Read(paths=tuple(map(str, paths)), shard_bytes=8 * 2**20)
        step = Curate.model_validate({"corpus": raw, "ops": [{"op": "extract", "mode": "fast"}, "language", "gopher"]})
        read = store.make(raw)
        started = time.perf_counter()
        curated = store.make(step)
        seconds = time.perf_counter() - started
        cpu = read.manifest.cpu_seconds + curated.manifest.cpu_seconds
        return seconds, cpu, int(str(read.manifest.counts["bytes"]))


def peer_rates() -> dict[str, dict[str, float]]:
    """By step and peer, megabytes a CPU-second on a part of the English texts; without the peers that are absent."""
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.jsonl"
        sample.write_text("".join(json.dumps({"text": text}) + "\n" for text in english(PEER_BYTES)))
        found = {name: _peer(name, sample) for name in ("datatrove", "nemo-curator")}
    steps = ("measures", "minhash")
    return {step: {name: rates[step] for name, rates in found.items() if step in rates} for step in steps}


def _peer(name: str, sample: Path) -> Mapping[str, float]:
    python = PEERS / name / "bin/python"
    if not python.exists():
        print(f"{name} is not installed and not measured: make {PEERS.name}/{name}/installed")
        return {}
    script = Path(__file__).parent / "peers" / f"{name.replace('-', '_')}_rates.py"
    done = subprocess.run([str(python), str(script), str(sample)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])
