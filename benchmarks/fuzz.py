"""Mutated inputs of every format through reading and curation: no crash, no hang, a balanced ledger.

    python -m benchmarks fuzz

Seeded: input n of a seed is always the same bytes. The bytes of an input that fails are kept, in a file that is named.
"""

from __future__ import annotations

import random
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import polars as pl

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, chinese, crawled, english, rows
from benchmarks.wrappings import PACKINGS, wrapped
from smelt.corpus import ops
from smelt.corpus.collect.formats import read_documents
from smelt.corpus.collect.reading import Reading
from smelt.corpus.collect.sources import expand
from smelt.corpus.curate import apply_ops
from smelt.corpus.document import DROP, Op, as_batch
from smelt.corpus.ledger import Entry, entry_of

INPUTS, SEED = 10_000, 2026
HANG_SECONDS = 5.0
"""What a record may take."""
GIVE_UP_SECONDS = 120
"""What an input may take before it is given up as a hang."""
MAX_RECORD = 16 * 2**20
KEPT_AT = Path(tempfile.gettempdir()) / "smelt-fuzz"
OPS = ("extract", "repair", "language", "gopher", "c4-lines", "furniture", "pii")
"""Those that there are."""
DICTIONARY: tuple[bytes, ...] = (
    b"\0",
    b"\xff\xfe",
    b"\xfe\xff\0\0",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"&#xd800;&#0;&#x110000;",
    b"<div>" * 3_000,
    b"<!--",
    b"<![CDATA[",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
    b"<table><tr><td>" * 500,
    b"{{" * 2_000,
    b"[[File:" * 500,
    b"<ref>" * 300,
    b"-{zh-hans:",
    b'"',
    b"\r\r\n",
    b"\n" * 5_000,
    b"[" * 5_000,
    b"{" * 500,
    "\u202e\u200b\u2066\ufeff".encode(),
    "a\u0300".encode() * 2_000,
    "字".encode() * 3_000,
    b"1" * 6_000,
    b"0000-00-00",
    b"99999999999999999999",
    b"-1",
    b"%00..%2f",
    b"../../",
)
"""What readers have stumbled over, here and elsewhere."""


@dataclass(slots=True)
class Campaign:
    """What came of the inputs so far."""

    inputs: Counter[str] = field(default_factory=Counter[str])
    """By format."""
    records: int = 0
    kept: int = 0
    dropped: int = 0
    ledgers: int = 0
    slowest: tuple[float, str] = (0.0, "")
    """Seconds of the input that took longest for each of its records, and its name."""
    failures: list[str] = field(default_factory=list[str])


def measure_fuzz(inputs: int = INPUTS) -> Iterator[Figure]:
    """The campaign on real pages and texts; prints every failure."""
    found = fuzz(seeds(real_pages(), real_texts()), inputs)
    for failure in found.failures:
        print(failure)
    yield Figure("mutated inputs", inputs, "", f">= {INPUTS}", dict(sorted(found.inputs.items())))
    yield Figure("records read from them", found.records, "", "", {"kept": found.kept, "dropped": found.dropped})
    yield Figure("ledgers that balance", found.ledgers, "", "all")
    yield Figure("crashes, hangs and ledgers out of balance", len(found.failures), "", "0")
    print(f"slowest: {found.slowest[1]}")
    yield Figure("slowest input, for each of its records", found.slowest[0], "s", f"<= {HANG_SECONDS:g}")


def fuzz(cases: Sequence[tuple[str, bytes]], inputs: int, *, seed: int = SEED) -> Campaign:
    """Mutates the cases in turn, and puts each through reading and curation."""
    found = Campaign()
    with tempfile.TemporaryDirectory() as folder:
        _warm_up(cases[0], Path(folder))
        for number in range(inputs):
            name, content = mutant(cases, number, seed=seed)
            found.inputs[name.partition(".")[2]] += 1
            path = Path(folder) / name
            path.write_bytes(content)
            _try(path, content, f"{seed}-{number}-{name}", found)
            path.unlink()
    return found


def mutant(cases: Sequence[tuple[str, bytes]], number: int, *, seed: int) -> tuple[str, bytes]:
    """Input `number` of a seed: its name and bytes. Half of the packed ones are broken before they are packed."""
    rng = random.Random(f"{seed}-{number}")
    name, content = cases[number % len(cases)]
    packing = rng.choice(list(PACKINGS))
    if rng.random() < 0.5:
        return name + packing, PACKINGS[packing](mutated(content, rng))
    return name + packing, mutated(PACKINGS[packing](content), rng)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The bytes after one to six changes."""
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(content) + 1)
        end = min(place + int(rng.expovariate(1 / 40)) + 1, len(content))
        match rng.randrange(8):
            case 0:
                content = content[:place] + rng.randbytes(end - place) + content[end:]
            case 1:
                content = content[:place] + content[end:]
            case 2:
                content = content[:place]
            case 3:
                content = content[:place] + content[place:end] * rng.choice((2, 50, 2_000)) + content[end:]
            case 4 | 5:
                content = content[:place] + rng.choice(DICTIONARY) + content[place:]
            case 6:
                other = rng.randrange(len(content) + 1)
                content = content[:place] + content[other : other + 2_000] + content[end:]
            case _:
                digits = bytes(
                    rng.choice(b"0123456789-") if c in b"0123456789" else c for c in content[place : end + 400]
                )
                content = content[:place] + digits + content[end + 400 :]
    return content


def seeds(pages: Sequence[str], texts: Sequence[str]) -> list[tuple[str, bytes]]:
    """Cases to mutate: the pages one by one, and some of them with some texts in every other format."""
    cases: list[tuple[str, bytes]] = []
    for number in range(0, len(pages) - 2, 3):
        few = [text[:4_000] for text in (texts[number % len(texts)], texts[-number % len(texts)])]
        cases += wrapped(pages[number : number + 3], few).items()
        cases += [("page.html", page.encode(errors="replace")) for page in pages[number + 1 : number + 3]]
    return cases


def real_pages(n: int = 300) -> list[str]:
    """Pages of the crawl and of the gold set, in turn."""
    pages = [page.text for _, page in crawled()]
    gold = [str(row["html"]) for row in rows(SHARED / "web_gold/wcxb_dev.jsonl.zst")]
    every = [page for page in pages[:: len(pages) // (n // 2)] + gold[:: len(gold) // (n // 2)] if page]
    return [page for page in every if len(page) < 1_000_000][:n]


def real_texts() -> list[str]:
    """English and Chinese, in turn."""
    return [text for pair in zip(english(400_000), chinese(400_000), strict=False) for text in pair]


def _warm_up(case: tuple[str, bytes], folder: Path) -> None:
    """Compiles, loads models: no record's time."""
    path = folder / case[0]
    path.write_bytes(case[1])
    _curated(path)
    path.unlink()


def _try(path: Path, content: bytes, case: str, found: Campaign) -> None:
    started = time.perf_counter()
    try:
        with _alarm(GIVE_UP_SECONDS):
            records, kept = _curated(path)
    except Exception:  # noqa: BLE001  # every crash is what is looked for
        _fail(case, content, traceback.format_exc(limit=-4), found)
        return
    seconds = (time.perf_counter() - started) / max(records, 1)
    found.slowest = max(found.slowest, (seconds, case))
    if seconds > HANG_SECONDS:
        _fail(case, content, f"{seconds:.1f} s a record", found)
    found.records += records
    found.kept += kept
    found.dropped += records - kept
    found.ledgers += 1


def _curated(path: Path) -> tuple[int, int]:
    """Records that were read, and those that are left; the ledger is checked on the way."""
    [file] = expand([str(path)])
    documents = list(read_documents(file, Reading(max_record=MAX_RECORD)))
    if len({document.id for document in documents}) < len(documents):
        raise AssertionError("two records have one id")
    batch = as_batch(documents)
    before = entry_of("read", batch.with_columns(drop=pl.lit(None, DROP)), batch)
    _, ledger = apply_ops(batch, _ops())
    entries = [before, *ledger]
    for one, other in pairwise(entries):
        if (one.documents_out, one.bytes_out) != (other.documents_in, other.bytes_in):
            raise AssertionError(f"what left {one.op} did not come to {other.op}")
    for entry in entries:
        _check_balance(entry)
    return len(documents), entries[-1].documents_out


def _check_balance(entry: Entry) -> None:
    fallen = entry.dropped.values()
    documents = entry.documents_out + sum(amount.documents for amount in fallen)
    n_bytes = entry.bytes_out + entry.bytes_edited + sum(amount.bytes for amount in fallen)
    if (documents, n_bytes) != (entry.documents_in, entry.bytes_in):
        raise AssertionError(f"the ledger of {entry.op} does not balance: {entry}")


@cache
def _ops() -> tuple[Op, ...]:
    return tuple(ops.parse_op(name) for name in OPS if name in (*ops.OPS, *ops.rule_tables()))


def _fail(case: str, content: bytes, why: str, found: Campaign) -> None:
    KEPT_AT.mkdir(exist_ok=True)
    (KEPT_AT / case).write_bytes(content)
    found.failures.append(f"{KEPT_AT / case}: {why}")


@contextmanager
def _alarm(seconds: int) -> Generator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"given up after {seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
