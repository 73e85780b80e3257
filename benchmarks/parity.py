"""Verdicts beside datatrove's on 10,000 real documents, filter by filter, with the reason of every disagreement.

Words are split at white space on both sides (`definitions = "datatrove"`). A disagreement is explained by a claim that
is checked on the very document; what no claim holds of is counted as unexplained. C4 and FineWeb are there to inform:
our tables have the papers' limits, datatrove its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import xxhash

from benchmarks.figures import Figure
from benchmarks.samples import SHARED, rows

DOCUMENTS, LONGEST = 10_000, 20_000
"""How many, and of how many characters at most: datatrove reads half a megabyte a second."""
WANTED = {"gopher_quality": ">= 0.995", "gopher_repetition": ">= 0.995", "fineweb": "", "c4": ""}
QUOTES = "\"'”’»」』"
ROOT = Path(__file__).parent.parent

Verdict = str | None
Claim = Callable[[str, Verdict, Verdict], bool]


def measure_parity() -> Iterator[Figure]:
    """Agreement by filter, and how many disagreements have which reason."""
    texts = sample()
    theirs = peer_verdicts(texts)
    if theirs is None:
        return
    for table, wanted in WANTED.items():
        pairs = list(zip(texts, our_verdicts(table, texts), [each[table] for each in theirs], strict=True))
        differing = [pair for pair in pairs if (pair[1] is None) != (pair[2] is None)]
        dropped = {"datatrove drops": sum(pair[2] is not None for pair in pairs)}
        yield Figure(f"{table}: dropped", sum(pair[1] is not None for pair in pairs), "", "", dropped)
        yield Figure(f"{table}: same verdict", 1 - len(differing) / len(pairs), "", wanted)
        for reason, n in Counter(explain(*pair) for pair in differing).most_common():
            yield Figure(f"{table}: {reason}", n, "", "0" if reason == UNEXPLAINED else "")


def sample() -> list[str]:
    """English texts of all domains, those whose ids have the smallest hashes."""
    found = [
        (xxhash.xxh3_64_intdigest(str(row["id"]).encode()), str(row["text"]))
        for path in sorted((SHARED / "text_en").glob("*.jsonl.zst"))
        for row in rows(path)
        if len(str(row["text"])) <= LONGEST
    ]
    return [text for _, text in sorted(found)[:DOCUMENTS]]


def our_verdicts(table: str, texts: Sequence[str]) -> list[Verdict]:
    """The measure that each text falls for, or None."""
    from smelt.corpus.clean.edits import C4Lines
    from smelt.corpus.clean.rules import Rules
    from smelt.corpus.document import Document, as_batch

    batch = as_batch(Document(str(number), text, language="en") for number, text in enumerate(texts))
    if table == "c4":
        batch = C4Lines().apply(batch)
    drops = Rules(table=table, definitions="datatrove").apply(batch)["drop"]
    return [None if drop is None else str(drop["reason"]).partition(".")[2] for drop in drops]


def peer_verdicts(texts: Sequence[str]) -> list[dict[str, Verdict]] | None:
    """datatrove's reasons by filter, from its own environment; None where that is absent."""
    python = ROOT / ".venv-peers/datatrove/bin/python"
    if not python.exists():
        print("datatrove is not installed and not compared with: make .venv-peers/datatrove/installed")
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sample.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        command = [str(python), str(Path(__file__).parent / "peers/datatrove_verdicts.py"), str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def explain(text: str, ours: Verdict, theirs: Verdict) -> str:
    """The first claim that holds of a text on which verdicts differ."""
    return next((reason for reason, holds in CLAIMS.items() if holds(text, ours, theirs)), UNEXPLAINED)


def _symbols(text: str, ours: Verdict, theirs: Verdict) -> bool:
    words = text.split()
    named = [word for word in words if any(character.isalnum() for character in word)]
    means = [sum(map(len, some)) / max(len(some), 1) for some in (words, named)]
    if theirs == "gopher_short_doc":
        return len(named) < 50 <= len(words)
    return theirs in ("gopher_above_avg_threshold", "gopher_below_avg_threshold") and means[0] < means[1]


def _once(text: str, ours: Verdict, theirs: Verdict) -> bool:
    found = re.fullmatch(r"top_(\d)_gram", theirs or "")
    if not found:
        return False
    n, words = int(found[1]), text.split()
    return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1)).most_common(1)[0][1] == 1


def _first_of_several(text: str, ours: Verdict, theirs: Verdict) -> bool:
    found = re.fullmatch(r"top_(\d)gram_char_frac", ours or "")
    if not found:
        return False
    n, words = int(found[1]), text.split()
    counts = Counter(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
    most = counts.most_common(1)[0]
    return any(times == most[1] and len(gram) > len(most[0]) for gram, times in counts.items())


def _joined(text: str, ours: Verdict, theirs: Verdict) -> bool:
    found = re.fullmatch(r"duplicated_(\d+)_n_grams", theirs or "")
    if not found:
        return False
    n, words = int(found[1]), text.split()
    grams = [words[at : at + n] for at in range(len(words) - n + 1)]
    return len({"".join(gram) for gram in grams}) < len(set(map(tuple, grams)))


def _quotes(text: str, ours: Verdict, theirs: Verdict) -> bool:
    lines = [line for line in text.split("\n") if line.strip()]
    return theirs == "line_punct_ratio" and any(line.rstrip().endswith(tuple(QUOTES)) for line in lines)


def _trailing_space(text: str, ours: Verdict, theirs: Verdict) -> bool:
    return theirs == "line_punct_ratio" and any(line != line.rstrip() for line in text.split("\n"))


UNEXPLAINED = "unexplained"
CLAIMS: dict[str, Claim] = {
    "words of symbols alone count as words here": _symbols,
    "a top n-gram that occurs once counts there": _once,
    "of several top n-grams the longest counts here, the first there": _first_of_several,
    "n-grams that differ only in where words end are one there": _joined,
    "repeated lines: 0.1 of the characters here, 0.01 there": lambda text, ours, theirs: theirs == "char_dup_ratio",
    "lines that end in a quotation mark end here": _quotes,
    "lines that end in a space do not end there": _trailing_space,
    "three sentences here, five there": lambda text, ours, theirs: theirs == "too_few_sentences",
    "lines of five words here, of three there": lambda text, ours, theirs: ours in ("n_sentences", "empty"),
    "curly brackets count there in kept lines, before all lines are seen": lambda text, ours, theirs: "{" in text,
}
"""Claims that are looked into in this order."""
