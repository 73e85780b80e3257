"""Language identification beside pycld2 and py3langid: how often it is right, and how fast.

Where the labels come from, and how far they can be trusted:

translations   pages of the W3C whose file name and `lang` attribute say the same language; made by hand, and clean
news           Chinese news sites, by their collection; clean
declared       all other pages, by their `lang` attribute: about one in twenty-five is wrong (templates left at "en")
agreed         of those the ones that not all three identifiers contradict with one voice; so defects of the label go,
               and errors that all three share go with them
English, Chinese   the collections of ../shared/data, program code left out; clean
short          one line or sentence of 20 to 80 characters, mostly letters, of the translations and collections; noisy,
               since a foreign page has English lines
captions       Multi30k's, German and English, written by people; clean

Rates are over whole documents, as a pipeline sees them; each identifier reads as much as it reads.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import polars as pl

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, crawled, megabytes_per_second, rows, size

DOCUMENTS_A_FILE = 150
CAPTIONS = 300
MACHINE_WRITTEN = "kubaik/kubaik.github.io"
SHORT = (20, 80)
LETTERS = 0.85
"""The share of a short text that is letters and spaces: lines of code and links have no language."""
Identifier = Callable[[str], str]


class Labelled(NamedTuple):
    """A text, its language, and where that is known from."""

    kind: str
    language: str
    text: str


def measure_language() -> Iterator[Figure]:
    """Accuracies by kind of label, and rates."""
    from smelt.corpus.label.language import identify

    texts = [*_pages(), *_collections()]
    texts += [*_lines(texts), *_captions()]
    identifiers: dict[str, Identifier] = {"smelt": lambda text: identify(text)[0], **_peers()}
    said = {name: [identify_one(found.text) for found in texts] for name, identify_one in identifiers.items()}
    for kind, places in _kinds(texts, list(said.values())).items():
        shares = {
            name: sum(answers[n] == texts[n].language for n in places) / len(places) for name, answers in said.items()
        }
        yield Figure(f"language, {kind} ({len(places):,})", shares.pop("smelt"), "", ">= .945", shares)
    whole = [found.text for found in texts if "short" not in found.kind]
    rates = {name: _rate(identify_one, whole) for name, identify_one in identifiers.items()}
    yield Figure("language identification, whole documents", rates.pop("smelt"), "MB/s", ">= 7.9", rates)


def _kinds(texts: Sequence[Labelled], said: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """The places of the texts of each kind."""
    kinds: dict[str, list[int]] = {}
    for place, found in enumerate(texts):
        kinds.setdefault(found.kind, []).append(place)
        kinds.setdefault("all short" if "short" in found.kind else "all documents", []).append(place)
        answers = {answer[place] for answer in said}
        if found.kind == "declared" and (len(answers) > 1 or found.language in answers):
            kinds.setdefault("agreed", []).append(place)
    return kinds


def _rate(identify_one: Identifier, texts: Sequence[str]) -> float:
    return megabytes_per_second(lambda: [identify_one(text) for text in texts], size(texts))


def _peers() -> dict[str, Identifier]:
    """Those that are installed; neither is a dependency of smelt's."""
    try:
        import py3langid
        import pycld2
    except ImportError:
        return {}

    def cld2(text: str) -> str:
        try:
            return str(pycld2.detect(text.encode())[2][0][1]).partition("-")[0]
        except pycld2.error:  # control characters
            return "un"

    return {"pycld2": cld2, "py3langid": lambda text: str(py3langid.classify(text)[0])}


def _pages() -> Iterator[Labelled]:
    """The crawl's main texts; machine-written blogs left out, being one language and alike."""
    from smelt.corpus.document import as_batch
    from smelt.corpus.extract.extract import Extract

    pages = [(about, page) for about, page in crawled() if about["source"] != MACHINE_WRITTEN]
    known = {page.id: about for about, page in pages}
    kept = Extract().apply(as_batch(page for _, page in pages)).filter(pl.col("drop").is_null())
    for document, text in kept.select("id", "text").rows():
        kind, language = _declared(known[document])
        if language:
            yield Labelled(kind, language, text)


def _declared(page: dict[str, object]) -> tuple[str, str]:
    declared = str(page["lang_attr"] or "").lower().partition("-")[0]
    if page["source"] == "w3c/i18n-drafts":
        named = re.search(r"\.([a-z]{2})(-\w+)?\.html$", str(page["path"]))
        return ("translations", declared) if named and named.group(1) == declared else ("translations", "")
    return ("news", "zh") if page["kind"] == "news_zh" else ("declared", declared)


def _collections() -> Iterator[Labelled]:
    for kind, language, folder in (("English", "en", "text_en"), ("Chinese", "zh", "text_zh")):
        for path in sorted((SHARED / folder).glob("*.jsonl.zst")):
            if path.name != "code.jsonl.zst":
                first = islice(rows(path), DOCUMENTS_A_FILE)
                yield from (Labelled(kind, language, str(row["text"])) for row in first)


def _lines(texts: Sequence[Labelled]) -> Iterator[Labelled]:
    chance = random.Random(0)
    for found in texts:
        lines = [line.strip() for line in re.split(r"[\n。.]", found.text) if _is_short(line.strip(), found.language)]
        if found.kind != "declared" and lines:
            yield Labelled(f"short, {found.kind}", found.language, chance.choice(lines))


def _is_short(line: str, language: str) -> bool:
    letters = sum(character.isalpha() or character.isspace() for character in line)
    is_chinese = language != "zh" or len(re.findall("[\u3400-\u9fff]", line)) > len(line) / 4
    return SHORT[0] <= len(line) <= SHORT[1] and letters > LETTERS * len(line) and is_chinese


def _captions() -> Iterator[Labelled]:
    found = rows(SHARED / "parallel/multi30k_test_2016_flickr.jsonl.zst")
    for row in islice(found, CAPTIONS):
        yield from (Labelled("short, captions", language, str(row[language])) for language in ("de", "en"))
