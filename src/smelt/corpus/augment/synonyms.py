"""Words for others that mean the same (Zhang et al. 2015; Wei and Zou 2019), from a thesaurus that is a file.

A thesaurus is lines of a word, a tab, and its synonyms with commas between them; Chinese words are found by the longest
entry, without segmentation. Nothing here knows which sense a word has: the short lists that come with smelt, made by
hand, hold only words that can hardly be taken in two ways. General thesauri do not: "bank" becomes "shore".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from random import Random
from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue, ValidationInfo, model_validator

from smelt.core.shards import file_digest
from smelt.corpus.augment.augmentation import Augmentation, pick
from smelt.corpus.paths import with_paths
from smelt.errors import InputError

SHIPPED = ("synonyms-en.tsv", "synonyms-zh.tsv")
TABLES = resources.files("smelt.corpus.augment") / "tables"
ARTICLE = re.compile(r"\ban?\s+$", re.IGNORECASE)
"""Behind one, nothing is replaced: the article would have to change too."""

Thesaurus = dict[str, tuple[str, ...]]


class Synonyms(Augmentation):
    """Replaces a share of the words that a thesaurus knows."""

    op: ClassVar[str] = "synonyms"
    table: str | None = None
    """A thesaurus of your own; without it, the lists that come with smelt."""
    rate: Annotated[float, Field(gt=0, le=1)] = 0.3
    """The share of known words that is replaced (taste)."""

    @model_validator(mode="before")
    @classmethod
    def _find(cls, values: Any, info: ValidationInfo) -> Any:
        return with_paths(values, info, "table", _thesaurus)

    def settings(self) -> dict[str, JsonValue]:
        """What the thesaurus says, not where it lies."""
        digest = file_digest(Path(self.table)) if self.table else None
        return {**self.model_dump(mode="json", exclude={"table"}), "table": digest}

    def change_one(self, text: str, rng: Random) -> str:
        """The text with some words replaced; their first letter keeps its case."""
        thesaurus, pattern = load_thesaurus(self.table)

        def replace(match: re.Match[str]) -> str:
            if rng.random() >= self.rate or ARTICLE.search(text[max(match.start() - 4, 0) : match.start()]):
                return match[0]
            word = pick(rng, thesaurus[match[0].lower()])
            return word[0].upper() + word[1:] if match[0][0].isupper() else word

        return pattern.sub(replace, text)


def _thesaurus(name: str, folder: Path) -> str:
    path = (folder / name).absolute()
    if not path.is_file():
        raise InputError(where=f"table {name!r}", what="is no file", expected="word, tab, synonyms")
    return str(path)


@cache
def load_thesaurus(table: str | None) -> tuple[Thesaurus, re.Pattern[str]]:
    """The synonyms of every word, and a pattern that finds the words, longest first."""
    texts = [Path(table).read_text("utf-8")] if table else [(TABLES / name).read_text("utf-8") for name in SHIPPED]
    thesaurus: Thesaurus = {}
    for number, line in enumerate("\n".join(texts).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, tab, others = line.partition("\t")
        found = tuple(other.strip() for other in others.split(",") if other.strip())
        if not tab or not word.strip() or not found:
            raise InputError(where=f"{table or SHIPPED} line {number}", what=repr(line), expected="word, tab, synonyms")
        thesaurus[word.strip().lower()] = found
    return thesaurus, re.compile(pattern_of(list(thesaurus)))


def pattern_of(words: Sequence[str]) -> str:
    """What finds the longest word at a place, in either case; one in ASCII only where it stands by itself."""
    ours, others = [word for word in words if word.isascii()], [word for word in words if not word.isascii()]
    # Others first: where one is found, a word in ASCII ends before its first letter that is not.
    found = [_longest_of(others)] * bool(others) + [rf"(?<!\w){_longest_of(ours)}(?!\w)"] * bool(ours)
    first = "".join(sorted({_either_case(word[0]) for word in words}))
    return f"(?=[{first}])(?:{'|'.join(found)})"


def _longest_of(words: Sequence[str]) -> str:
    """The words as a tree of their letters: what they have in common is looked at once and not for each."""
    tails: dict[str, list[str]] = {}
    for word in words:
        if word:
            tails.setdefault(word[0], []).append(word[1:])
    branches = "|".join(f"[{_either_case(letter)}]{_longest_of(rest)}" for letter, rest in tails.items())
    return (f"(?:{branches})" if branches else "") + ("?" if branches and "" in words else "")


def _either_case(letter: str) -> str:
    """The letter and its capital, for a class: not all that a pattern takes for it without regard to case (ſ is no s
    to `str.lower`, by which words are looked up)."""
    forms = sorted({form for form in (letter, letter.upper()) if form.lower() == letter and len(form) == 1})
    return re.escape("".join(forms))
