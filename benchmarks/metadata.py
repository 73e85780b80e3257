"""What pages say of themselves, beside what trafilatura and htmldate read in them: the same pages, one after the other.

Accuracy is the share of reviewed answers that are given; coverage the share to which any answer is given. Titles and
authors are compared by their words, case, punctuation and the order of authors aside; dates by their day. The pages
are those of data/web_gold (reviewed by people) and of data/web (from the tests of extraction tools).
"""

from __future__ import annotations

import html as entities
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, crawled, rows

Answers = Mapping[str, str | None]
FIELDS = ("title", "author", "date")
CRAWLED = "2026-08-01"
"""Of both collections, at the latest."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page and what people say of it."""

    html: str
    url: str | None
    gold: Answers
    text: str | None = None
    """Its main content."""


def measure_metadata() -> Iterator[Figure]:
    """Accuracy, coverage and pages a CPU-second on each collection; and what payloads are worth."""
    reviewed = list(reviewed_pages())
    for name, pages in (("web_gold", reviewed), ("web", list(tested_pages()))):
        results = {tool: _run(read, pages) for tool, read in _TOOLS.items()}
        for field in FIELDS:
            accuracy = {tool: _accuracy(pages, answers, field) for tool, (answers, _) in results.items()}
            coverage = {tool: _coverage(pages, answers, field) for tool, (answers, _) in results.items()}
            peers = [tool for tool in results if tool != "smelt" and (field == "date" or "htmldate" not in tool)]
            yield _figure(f"{name}, {field}: accuracy", accuracy, peers, ">= peers")
            yield _figure(f"{name}, {field}: coverage", coverage, peers, "")
        rates = {tool: rate for tool, (_, rate) in results.items()}
        yield _figure(f"{name}: pages a CPU-second", rates, [tool for tool in rates if tool != "smelt"], ">= 2000")
    yield from _payload_figures(reviewed)


def reviewed_pages() -> Iterator[Page]:
    """The pages of WCXB's development split."""
    for row in rows(SHARED / "web_gold/wcxb_dev.jsonl.zst"):
        said = {name: str(value) if value else None for name, value in row.items()}
        gold = {"title": said["title"], "author": said["author"], "date": said["publish_date"]}
        yield Page(str(row["html"]), said["url"], gold, said["main_content"])


def tested_pages() -> Iterator[Page]:
    """The pages of the crawl of which a title, author or date is known."""
    gold: dict[object, dict[str, str | None]] = {}
    for row in rows(SHARED / "web/gold.jsonl.zst"):
        if row["kind"] in ("snippets", "date"):
            known = {field: str(row[field]) for field in FIELDS if row.get(field)}
            if row["kind"] == "snippets":  # their dates are not held against, as those of kind "date" are
                known.pop("date", None)
            gold.setdefault(row["id"], {}).update(known)
    for about, page in crawled():
        known = gold.get(about["id"])
        if known:
            url = None if "unknown.invalid" in (page.url or "") else page.url
            yield Page(page.text, url, known)


def _run(read: Callable[[Page], Answers], pages: list[Page]) -> tuple[list[Answers], float]:
    started = time.process_time()
    answers = [read(page) for page in pages]
    return answers, len(pages) / (time.process_time() - started)


def _ours(page: Page) -> Answers:
    from smelt.corpus.extract.metadata import page_metadata

    found = page_metadata(page.html, url=page.url, crawled=CRAWLED)
    return {field: getattr(found, field) for field in FIELDS}


def _best(page: Page) -> Answers:
    from smelt.corpus.extract.dating import find_date

    return {"date": find_date(page.html, url=page.url, crawled=CRAWLED, dates="best").date}


def _trafilatura(page: Page) -> Answers:
    from trafilatura import load_html
    from trafilatura.metadata import extract_metadata

    tree = load_html(page.html)
    found = None if tree is None else extract_metadata(tree, default_url=page.url)
    return {} if found is None else {field: getattr(found, field) for field in FIELDS}


def _htmldate(page: Page) -> Answers:
    from htmldate import find_date

    return {"date": find_date(page.html, url=page.url, original_date=True)}


_TOOLS: Mapping[str, Callable[[Page], Answers]] = {
    "smelt": _ours,
    "smelt's dates with htmldate": _best,
    "trafilatura": _trafilatura,
    "htmldate": _htmldate,
}


def _accuracy(pages: list[Page], answers: list[Answers], field: str) -> float:
    known = [
        (page.gold[field], answer.get(field))
        for page, answer in zip(pages, answers, strict=True)
        if page.gold.get(field)
    ]
    return sum(_key(field, gold) == _key(field, given) for gold, given in known) / len(known)


def _coverage(pages: list[Page], answers: list[Answers], field: str) -> float:
    given = [answer.get(field) is not None for page, answer in zip(pages, answers, strict=True) if page.gold.get(field)]
    return sum(given) / len(given)


def _key(field: str, value: object) -> object:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    if field == "date":
        return text[:10]
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", entities.unescape(text)).casefold())
    if field == "author":
        return sorted(word for word in words if word not in ("and", "by"))
    return words


def _figure(what: str, values: Mapping[str, float], peers: list[str], wanted: str) -> Figure:
    return Figure(what, values["smelt"], "", wanted, {tool: values[tool] for tool in peers})


def _payload_figures(pages: list[Page]) -> Iterator[Figure]:
    """Word F1 of resiliparse's extraction, with and without payloads: over all pages, and over those they change."""
    from resiliparse.extract.html2text import extract_plain_text

    from smelt.corpus.extract.payloads import is_richer, payload_html

    before: list[float] = []
    after: list[float] = []
    for page in pages:
        text = extract_plain_text(page.html, main_content=True, alt_texts=False)
        payload = payload_html(page.html)
        carried = "" if payload is None else extract_plain_text(payload, main_content=False, alt_texts=False)
        before.append(_word_f1(text, page.text or ""))
        after.append(_word_f1(carried if is_richer(carried, text) else text, page.text or ""))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    plain = {"without": sum(before) / len(before)}
    yield Figure("word F1 with payloads", sum(after) / len(after), "", "above", plain)
    few = {"without": sum(old for old, _ in changed) / len(changed)}
    yield Figure(
        f"the same on the {len(changed)} pages they change",
        sum(new for _, new in changed) / len(changed),
        "",
        "above",
        few,
    )


def _word_f1(text: str, gold: str) -> float:
    """As data/web_gold/PROVENANCE.md defines it."""
    found, wanted = (Counter(re.findall(r"\w+", part.lower())) for part in (text, gold))
    if not wanted:
        return float(not found)
    return 2 * (found & wanted).total() / (found.total() + wanted.total())
