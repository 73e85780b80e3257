"""A rule is a measure and its limits: data, not code. A table of rules decides which documents are dropped, and why.

    include = ["gopher"]                # all rules of these tables come first
    languages = ["de"]                  # of every rule below that does not say otherwise; leave out for all

    [[rule]]
    measure = "mean_word_length"        # one of smelt.corpus.measures.measure.MEASURES
    min = 3                             # documents below are dropped; leave out what does not apply
    max = 10                            # documents above are dropped
    source = "Rae et al. 2021, A.1.1"   # the paper and table, or "taste"
    note = "why"                        # optional

The tables that come with smelt lie in smelt/corpus/clean/tables: `gopher`, which is `gopher_quality`,
`gopher_repetition`, `zh`, `ja` and `th` together. Any other is named by its path.

Each measure is judged by one rule: of those that name the document's language the last, or else the last that names
none. So `zh` replaces the limits that take it for granted that words have spaces between them, and a rule with
neither `min` nor `max` lifts the limits before it. A document whose language is not known is taken for Chinese if a
fifth of its characters are Han or kana, or for Japanese if a tenth of those are hiragana; for Thai likewise; and
otherwise for English, which Gopher's rules were made for.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, cast

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, ValidationInfo, model_validator

from smelt.corpus.document import Op, drop_where, is_kept
from smelt.corpus.measures.measure import MEASURES, Definitions, measure
from smelt.errors import RecipeError

CHINESE_FROM = 0.2  # of the characters: half of what is said, as one of Han says as much as four letters (taste)
JAPANESE_FROM = 0.1  # of the Han and kana: Japanese text has .2 to .8, quotations in Chinese text less than .02
TABLES = resources.files("smelt.corpus.clean") / "tables"


class Rule(BaseModel):
    """The limits of one measure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measure: str
    """One of MEASURES."""
    min: float | None = None
    """Documents with less are dropped."""
    max: float | None = None
    """Documents with more are dropped."""
    languages: tuple[str, ...] = ()
    """The languages it is for (`zh` includes `zh-TW`); empty: all that no other rule on this measure names."""
    source: str
    """Where the limits come from: paper and table, or taste."""
    note: str | None = Field(default=None, exclude=True)
    """Why they are so. No part of what is compared: rewording a note makes nothing again."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Rule:
        if self.measure not in MEASURES:
            raise ValueError(f"there is no measure {self.measure!r}{_suggestion(self.measure, MEASURES)}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


class Rules(Op):
    """Drops documents that lie outside the limits of a table, by the first rule in it that they break.

    The measures stay in the batch as columns, and are not computed again by the next op that asks for them: an op
    that edits text has to remove them.
    """

    op: ClassVar[str] = "rules"
    version: ClassVar[int] = 3
    table: str
    """A table that comes with smelt, such as "gopher", or the path of one. Drop reasons begin with its name."""
    rules: tuple[Rule, ...] = ()
    """What the table says: read from it if not given, so that the limits themselves are what is compared."""

    definitions: Definitions = "smelt"
    """Whose words and shares are measured: "datatrove" for the verdicts of its filters, as near as can be. What is
    measured so is not kept as columns."""

    @model_validator(mode="before")
    @classmethod
    def _read_table(cls, values: Any, info: ValidationInfo) -> Any:
        if not isinstance(values, dict) or "rules" in values or not isinstance(values.get("table"), str):
            return values
        context = cast("dict[str, Path]", info.context or {})
        return {**values, "rules": read_rules(values["table"], folder=context.get("folder"))}

    @property
    def label(self) -> str:
        """The table's name."""
        return Path(self.table).stem

    def settings(self) -> dict[str, JsonValue]:
        """The rules of each measure and language; a change of limits is told as `gopher.mean_word_length zh`."""
        names = [" ".join((rule.measure, *rule.languages)) for rule in self.rules]
        settings: dict[str, JsonValue] = {"definitions": self.definitions, "order": list[JsonValue](names)}
        for name, rule in zip(names, self.rules, strict=True):
            limits = rule.model_dump(mode="json", include={"min", "max", "source"})
            settings[name] = [*cast("list[JsonValue]", settings.get(name, [])), limits]
        return settings

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with all measures as columns, and `drop` filled where a rule is broken."""
        if self.definitions != "smelt":
            judged = self._judge(_measured(batch.drop(MEASURES, strict=False), self.definitions))
            return batch.with_columns(judged["drop"])
        is_measured = MEASURES.keys() <= set(batch.columns)
        return self._judge(batch if is_measured else _measured(batch, self.definitions))

    def _judge(self, batch: pl.DataFrame) -> pl.DataFrame:
        spoken = batch.select(_language()).to_series()
        judges = {language: self.rules_for(language) for language in spoken.unique()}
        for rule in self.rules:
            languages = [language for language, rules in judges.items() if rule in rules]
            batch = self._drop_broken(batch, rule, where=pl.lit(spoken.is_in(languages)))
        return batch

    def rules_for(self, language: str) -> list[Rule]:
        """The rule that judges each measure in a language, in the order of the table."""
        general = {rule.measure: rule for rule in self.rules if not rule.languages}
        special = {rule.measure: rule for rule in self.rules if language in rule.languages}
        chosen = general | special
        return [rule for rule in self.rules if rule is chosen.get(rule.measure)]

    def _drop_broken(self, batch: pl.DataFrame, rule: Rule, *, where: pl.Expr) -> pl.DataFrame:
        value, reason, source = pl.col(rule.measure), f"{self.label}.{rule.measure}", pl.lit(rule.source)
        if rule.min is not None:
            broken = where & (value < rule.min)
            batch = drop_where(batch, broken, reason, value=value, limit=rule.min, detail=source)
        if rule.max is not None:
            broken = where & (value > rule.max)
            batch = drop_where(batch, broken, reason, value=value, limit=rule.max, detail=source)
        return batch


def read_rules(table: str, *, folder: Path | None = None) -> tuple[Rule, ...]:
    """The rules of a table, those of the tables it includes first.

    `table` is the name of one that comes with smelt, or a path, relative to `folder`. `RecipeError` tells of a table
    that is missing, malformed or includes itself.
    """
    return _read(_find(table, folder or Path()), within=())


class _Table(BaseModel):
    """What a TOML file of rules may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    include: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    rule: tuple[Rule, ...] = ()


def _read(file: Traversable, *, within: tuple[str, ...]) -> tuple[Rule, ...]:
    if str(file) in within:
        raise RecipeError(where=within[0], what=f"includes {file}, which includes itself")
    table, folder = _parse(file), Path(str(file)).parent
    inner = (_read(_find(name, folder), within=(*within, str(file))) for name in table.include)
    rows = (rule if rule.languages else rule.model_copy(update={"languages": table.languages}) for rule in table.rule)
    rules = (*chain.from_iterable(inner), *rows)
    if not rules:
        raise RecipeError(where=str(file), what="holds no rules", expected="[[rule]] or include")
    return rules


def _find(table: str, folder: Path) -> Traversable:
    if (TABLES / f"{table}.toml").is_file():
        return TABLES / f"{table}.toml"
    if (folder / table).is_file():
        return folder / table
    names = sorted(Path(file.name).stem for file in TABLES.iterdir())
    raise RecipeError(
        where=f"rules {table!r}",
        what=f"there is no such table, and no such file in {folder.absolute()}{_suggestion(table, names)}",
        expected=f"one of {', '.join(names)}, or the path of a TOML file",
    )


def _parse(file: Traversable) -> _Table:
    try:
        return _Table.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(where=str(file), what=f"is not TOML: {error}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        what = problem["msg"].removeprefix("Value error, ")
        raise RecipeError(where=f"{file} {place}", what=what) from error


def _measured(batch: pl.DataFrame, definitions: Definitions) -> pl.DataFrame:
    texts = batch.select(pl.when(is_kept()).then("text")).to_series()
    return batch.with_columns(measure(texts, definitions))


def _language() -> pl.Expr:
    known = pl.col("language").str.to_lowercase().str.extract("^([a-z]+)")
    is_unspaced = pl.col("unspaced_frac") > CHINESE_FROM
    is_japanese = pl.col("hiragana_frac") > JAPANESE_FROM
    guess = (
        pl.when(pl.col("ideograph_frac") > CHINESE_FROM)
        .then(pl.when(is_japanese).then(pl.lit("ja")).otherwise(pl.lit("zh")))
        .otherwise(pl.when(is_unspaced).then(pl.lit("th")).otherwise(pl.lit("en")))
    )
    return pl.coalesce(known, guess)


def _suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
