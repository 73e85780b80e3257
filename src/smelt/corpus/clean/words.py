"""Word lists: documents that hold words of a list, counted (soft) or dropped from a limit on (hard).

Text and words are compared in one form: NFKC, case folded, zero-width characters gone, all that writes no word a space,
and every Han, kana or Thai character a word by itself. So a word is matched as a whole where words have spaces between
them, and anywhere in a text where they have none; neither capitals, full-width letters nor invisible characters hide
one. Of words that overlap, the first and longest counts.

The lists that come with smelt, by language, are LDNOOBW's (see words/LICENSE.md): with its defaults the op is C4's
rule on bad words (Raffel et al. 2020, section 2.2). Mind what it takes: they hold plain words of medicine and law.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, cast

import polars as pl
import xxhash
from pydantic import Field, JsonValue, ValidationInfo, model_validator

from smelt.corpus.document import Op, drop_where, is_kept
from smelt.corpus.paths import with_paths
from smelt.errors import InputError

LISTS = resources.files("smelt.corpus.clean") / "words"
HARMLESS = {"zh": {"性", "13.", "13点"}, "ja": {"sm", "グロ", "女の子"}}
"""Words of the lists that are left out: parts of harmless words that drop a tenth of all documents (those of C4's
multilingual version, as in datatrove 0.10), and an hour of the day, which drops a third of all technical articles."""
SHOWN = 5
"""Words that a drop names."""
GAP = "  "
"""Between words are two spaces, so that each word has one on either side of its own."""


class Words(Op):
    """Counts the words of lists in a column, and drops documents with more than `max` of them as `words.<list>`.

    A list that is named for a language is for documents of that language and of none known; any other is for all.
    """

    op: ClassVar[str] = "words"
    lists: tuple[str, ...] = Field(("en", "zh"), min_length=1)
    """Names of lists that come with smelt ("en"), or paths: a word or phrase a line, comments behind #."""
    max: int | None = Field(default=0, ge=0)
    """Occurrences that a document may have of one list; null drops nothing. C4's is 0."""
    column: str = "listed_words"
    """Where the count of all lists goes."""

    @model_validator(mode="before")
    @classmethod
    def _find(cls, values: Any, info: ValidationInfo) -> Any:
        return with_paths(values, info, "lists", _found)

    def settings(self) -> dict[str, JsonValue]:
        """What is in the lists, not where they lie."""
        digests = {
            Path(name).stem: xxhash.xxh3_128_hexdigest("\n".join(read_words(name)).encode()) for name in self.lists
        }
        return {**self.model_dump(mode="json", exclude={"lists"}), "lists": cast("JsonValue", digests)}

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with the count, and drops."""
        language = batch["language"].str.to_lowercase().str.extract("^([a-z]+)")
        total = pl.Series([0] * len(batch), dtype=pl.Int64)
        for name in self.lists:
            label = Path(name).stem
            is_judged = (language == label).fill_null(value=True) if label in shipped_lists() else pl.lit(value=True)
            texts = batch.select(pl.when(is_kept() & is_judged).then("text")).to_series()
            found = find_words(texts, read_words(name))
            count = found.list.len().fill_null(0).cast(pl.Int64)
            total += count
            if self.max is not None:
                shown = found.list.unique(maintain_order=True).list.head(SHOWN).list.join(", ")
                broken, reason = pl.lit(count > self.max), f"{self.op}.{label}"
                batch = drop_where(
                    batch, broken, reason, value=pl.lit(count), limit=float(self.max), detail=pl.lit(shown)
                )
        return batch.with_columns(total.alias(self.column))


def find_words(texts: pl.Series, words: tuple[str, ...]) -> pl.Series:
    """The words of a list that each text holds, as often as it does; null where the text is null.

    >>> find_words(pl.Series(["ＳＥＸ and se\\u200bx, not Sussex", "黄色电影"]), ("sex", "色电")).to_list()
    [['sex', 'sex'], ['色 电']]
    """
    from smelt.corpus.duplicates.normalise import normalise  # loads numba: half a second
    from smelt.corpus.measures.characters import word_forms

    forms = normalise(pl.Series(words), word_forms())
    patterns = _spaced(forms.filter(forms != "").unique()).to_list()
    longest_first = sorted(patterns, key=lambda pattern: (-len(pattern), pattern))
    found = _spaced(normalise(texts, word_forms())).str.extract_many(longest_first, leftmost=True)
    return found.list.eval(pl.element().str.strip_chars().str.replace_all(GAP, " ", literal=True))


def _spaced(forms: pl.Series) -> pl.Series:
    return " " + forms.str.replace_all(" ", GAP, literal=True) + " "


@cache
def read_words(name: str) -> tuple[str, ...]:
    """The words of a list: one that comes with smelt, or a file's."""
    file = LISTS / f"{name}.txt" if name in shipped_lists() else Path(name)
    try:
        lines = [line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(where=name, what="is not UTF-8", expected="a word or phrase a line") from error
    words = tuple(line for line in lines if line and line not in HARMLESS.get(name, set()))
    if not words:
        raise InputError(where=name, what="holds no words", expected="a word or phrase a line")
    return words


@cache
def shipped_lists() -> tuple[str, ...]:
    """The names of the lists that come with smelt: languages."""
    return tuple(sorted(file.name.removesuffix(".txt") for file in LISTS.iterdir() if file.name.endswith(".txt")))


def _found(name: str, folder: Path) -> str:
    if name in shipped_lists():
        return name
    if not (folder / name).is_file():
        known = ", ".join(shipped_lists())
        raise InputError(where=f"list {name!r}", what="is not there", expected=f"one of {known}, or the path of a file")
    return str((folder / name).absolute())
