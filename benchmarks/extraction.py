"""Main content of pages: word F1 and pages a CPU-second, ours beside the peers', on held-out hosts.

Ours is measured with the model of the other four fifths of the hosts (`python -m training.extraction` writes it;
without it that is done here, which takes half an hour). Metadata and payloads are part of what is timed.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl
from training.extraction.__main__ import HELD_OUT_MODEL, fit_judged, read_pages
from training.extraction.gold import GoldPage, gold_pages, word_f1

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, crawled, rows
from smelt.corpus.document import Document, as_batch

WANTED = {"best": (">= 0.855", ">= 200"), "fast": (">= 0.84", ">= 400")}
PEERS = ("resiliparse", "trafilatura")
MARKUP = re.compile(r"\]\([^)\s]*\)|^\s*\d+\. |[*`#>|\[\]-]", re.MULTILINE)
"""What Markdown adds: addresses, numbers and marks."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a mode made of pages: their texts, "" for those dropped, and pages a CPU-second."""

    texts: list[str]
    rate: float


def measure_extraction() -> Iterator[Figure]:
    """F1 and rate of every mode in one run, F1 by type, Markdown, and snippets of other people's pages."""
    pages = [page for page in gold_pages(SHARED / "web_gold") if page.is_held_out]
    with held_out_model():
        runs = {mode: run(pages, mode) for mode in (*WANTED, *PEERS)}
        marked = run(pages, "best", output="markdown")
    f1 = {mode: f1_of(pages, done.texts) for mode, done in runs.items()}
    for mode, (wanted_f1, wanted_rate) in WANTED.items():
        yield Figure(f"word F1, {mode}", mean(f1[mode]), "", wanted_f1, {peer: mean(f1[peer]) for peer in PEERS})
        yield Figure("  95% within", 1.96 * standard_error(f1[mode]), "+-", "")
        rates = {peer: runs[peer].rate for peer in PEERS}
        yield Figure(f"pages a CPU-second, {mode}", runs[mode].rate, "pages/s", wanted_rate, rates)
    for kind in sorted({page.page_type for page in pages}):
        of_kind = [page.page_type == kind for page in pages]
        found = {mode: mean([x for x, is_kind in zip(f1[mode], of_kind, strict=True) if is_kind]) for mode in f1}
        yield Figure(f"word F1, best, {kind} ({sum(of_kind)})", found.pop("best"), "", "", found)
    yield Figure(
        "word F1, best, Markdown stripped", mean(f1_of(pages, [MARKUP.sub(" ", x) for x in marked.texts])), "", ""
    )
    yield Figure("pages a CPU-second, best, Markdown", marked.rate, "pages/s", ">= 200")
    yield from snippets()


class held_out_model:  # noqa: N801
    """Within it, the modes of ours use the model of the hosts that are not held out."""

    def __enter__(self) -> None:
        from smelt.corpus.extract import model

        if not HELD_OUT_MODEL.exists():
            fit_judged(read_pages(SHARED / "web_gold"))
        self._shipped = model.shipped_model
        model.shipped_model = lambda: model.load_model(HELD_OUT_MODEL)  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        from smelt.corpus.extract import model

        model.shipped_model = self._shipped


def run(pages: Sequence[GoldPage], mode: str, *, output: str = "text") -> Run:
    """The op, on all pages."""
    from smelt.corpus.extract.extract import Extract

    op = Extract.model_validate({"mode": mode, "output": output})
    batch = as_batch([Document(page.id, page.html.decode(), url=page.url or None, format="html") for page in pages])
    op.apply(batch[:3])  # compiles
    started = time.process_time()
    made = op.apply(batch)
    rate = len(pages) / (time.process_time() - started)
    return Run(
        made.select(pl.when(pl.col("drop").is_null()).then("text").otherwise(pl.lit(""))).to_series().to_list(), rate
    )


def f1_of(pages: Sequence[GoldPage], texts: Sequence[str]) -> list[float]:
    """Word F1 of every page."""
    return [word_f1(text, page.text) for page, text in zip(pages, texts, strict=True)]


def mean(values: Sequence[float]) -> float:
    """The mean."""
    return math.fsum(values) / len(values)


def standard_error(values: Sequence[float]) -> float:
    """Of the mean."""
    middle = mean(values)
    return math.sqrt(math.fsum((x - middle) ** 2 for x in values) / len(values) / (len(values) - 1))


def snippets() -> Iterator[Figure]:
    """Of pages in some 30 languages, snippets that must appear and that must not (data/web)."""
    gold = {str(row["id"]): row for row in rows(SHARED / "web/gold.jsonl.zst") if row["kind"] == "snippets"}
    pages = [(gold[str(about["id"])], page.text) for about, page in crawled() if about["id"] in gold]
    for what, name, wanted in (("must contain", "must_contain", ">"), ("must not contain", "must_not_contain", "<")):
        found = {mode: share(pages, mode, name) for mode in (*WANTED, *PEERS)}
        yield Figure(f"snippets found that a text {what}, best", found.pop("best"), "", wanted, found)


def share(pages: Sequence[tuple[dict[str, list[str]], str]], mode: str, name: str) -> float:
    """The share of snippets found in what a mode makes of the pages."""
    from smelt.corpus.extract.extract import extractor

    text_of: Callable[[bytes], object] = extractor(mode, "text")  # type: ignore[arg-type]
    hits = total = 0
    for gold, html in pages:
        text = squeeze(str(text_of(html.encode(errors="replace"))))
        wanted = gold.get(name) or []
        hits, total = hits + sum(squeeze(snippet) in text for snippet in wanted), total + len(wanted)
    return hits / max(total, 1)


def squeeze(text: str) -> str:
    """A text without white space: snippets run over lines."""
    return re.sub(r"\s+", "", text)
