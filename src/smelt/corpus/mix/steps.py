"""The step that mixes: one or several corpora in, one out, each group in its share.

mix.json    by group what there was, what was wanted and taken, how often; and what the budget, plan and limits were
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from annotated_types import Ge, Gt
from pydantic import BeforeValidator, Field, JsonValue, SkipValidation, model_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import shard_size, write_json
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Amounts, Work
from smelt.corpus.corpus import Corpus
from smelt.corpus.curate import amounts_in, parse_ledgers
from smelt.corpus.mix.plan import Draw, WhenShort, amounts_of, shares_of
from smelt.corpus.mix.report import REPORT, Row, Terms, rows_of, warnings_of
from smelt.corpus.mix.shards import Drawing, Unit, Window
from smelt.corpus.steps import finish
from smelt.errors import EmptyResult, InputError
from smelt.units import Count

if TYPE_CHECKING:
    import polars as pl

BYTES_PER_SECOND = 120e6
"""Text mixed on one core, Parquet to Parquet, English and Chinese in half the bytes (`python -m benchmarks mixing`,
2026-11; reading and writing alone makes 190)."""
TOKENS_BYTES_PER_SECOND = 5e6
"""Likewise where tokens are counted, with a vocabulary of 8,192."""
BYTES_PER_TOKEN = 3.2
"""English and Chinese with a vocabulary of 8,192 (as in tokens/steps.py)."""
MOST_GROUPS = 10_000
"""More make no mixture, but a list: `by` names a column of texts (taste)."""

Day = Annotated[str, Field(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$")]


def _several(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


class Mix(Step[Corpus]):
    """Draws documents so that groups of them have the shares and the size that are asked for.

    Every document of a group is as likely to be drawn as any other, by a hash of its id and the seed; those that are
    not drawn are dropped as `mix.not_drawn`. Columns: `copies`, how often a document is taken, and `epoch`, which of
    them this is: repeats have one `id`. They lie one pass behind the other, the first with all documents that are
    taken, in their order. Held-out documents all come along, once.
    """

    step: ClassVar[str] = "mix"
    makes: ClassVar[type[Artifact]] = Corpus

    corpora: Annotated[tuple[Step[Corpus], ...], BeforeValidator(_several)] = Field(min_length=1)
    """The documents to draw from; their order is that of the mixture."""
    by: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(default=("language",), min_length=1)
    """What groups them: columns, or fields of `meta`. Groups of several are named "zh/law"."""
    weights: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict[str, float])
    """The share of a group. Groups that are not named take the rest among them, by their size and `temperature`."""
    temperature: Annotated[float, Gt(0)] = 1.0
    """Sizes n count as n^(1/T): 1 leaves them as they are, large ones make them equal."""
    budget: Annotated[Count, Gt(0)] | None = None
    """How much to take in all ("20M"); without it, as much as keeps the shares."""
    unit: Unit = "tokens"
    """What budget and shares are counted in."""
    bytes_per_token: Annotated[float, Gt(0)] = BYTES_PER_TOKEN
    """By which tokens are estimated from bytes, for all groups alike, where no tokenizer is given."""
    tokenizer: Annotated[Step[Artifact] | None, SkipValidation] = None  # of a room above: checked by its kind
    """Counts tokens instead: exact, and slower. One of "train-tokenizer", or any file by "existing-tokenizer"."""
    epochs: Annotated[int, Ge(1)] = 1
    """How often a document is taken at most. One, since nothing should be repeated unasked; up to four are nearly as
    good as new data (Muennighoff et al. 2023)."""
    when_short: WhenShort = "spill"
    """What happens when a group has less than its share of the budget, all epochs counted. "spill": the others take the
    rest by their shares, since a budget is mostly what is fixed, and shares are a wish. "stop": nobody does, and the
    mixture stays smaller. "shrink": all groups take less, and the shares hold."""
    since: Day | None = None
    """Only documents from this year, month or day on ("2015"); those without a date fall as `mix.undated`."""
    until: Day | None = None
    """Likewise up to it, itself included."""
    domains: tuple[str, ...] = ()
    """Only these domains; none named: all."""
    languages: tuple[str, ...] = ()
    """Only these languages; none named: all."""
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0

    @model_validator(mode="after")
    def _makes_sense(self) -> Mix:
        if self.tokenizer is not None and self.tokenizer.makes.kind != "tokenizer":
            raise ValueError(f"tokenizer: the step {self.tokenizer.step!r} makes a {self.tokenizer.makes.kind}")
        if self.tokenizer is not None and self.unit != "tokens":
            raise ValueError(f"a tokenizer is of no use where the unit is {self.unit}")
        if self.tokenizer is not None and "bytes_per_token" in self.model_fields_set:
            raise ValueError("bytes_per_token is of no use where a tokenizer counts")
        return self

    def estimate(self, sizes: Sizes) -> Estimate:
        """Mixing takes time in proportion to the text."""
        n_bytes = sum(sizes.number(corpus, "bytes") for corpus in self.corpora)
        taken = n_bytes
        if self.budget is not None and self.unit != "documents":
            taken = min(n_bytes * self.epochs, self.budget * self._bytes_per_unit)
        rate = TOKENS_BYTES_PER_SECOND if self.tokenizer else BYTES_PER_SECOND
        return Estimate(core_seconds=n_bytes / rate, counts={"bytes": round(taken)})

    def make(self, work: Work) -> Counts:
        """The three phases of shards.py, and the report."""
        from smelt.corpus.mix.shards import common_schema, count_shard, keys_file, select_shard

        corpora = [work.open(corpus) for corpus in self.corpora]
        shards = [shard for corpus in corpora for shard in corpus.shards]
        are_split = _some_are_split(corpora, work)
        tokenizer = work.open(self.tokenizer).folder / "tokenizer.json" if self.tokenizer else None
        window = Window(self.since, self.until, self.domains, self.languages)
        drawing = Drawing(self.by, self.unit, self.seed, window, tokenizer)
        counting = partial(count_shard, drawing=drawing, scratch=work.scratch)
        found = work.map(counting, shards, label="count", cost=shard_size, counts=_amounts_counted)
        counted = cast("list[dict[str, Any]]", found)
        groups = add_groups(part["groups"] for part in counted)
        shares, draws = self._plan(groups, [keys_file(shard, work.scratch) for shard in shards])
        schema = common_schema(_schemas(corpora), with_split=are_split)
        selecting = partial(
            select_shard,
            drawing=drawing,
            draws=draws,
            schema=schema,
            n_shards=len(shards),
            scratch=work.scratch,
            folder=work.folder,
        )
        selected = work.map(
            selecting,
            list(enumerate(shards)),
            label="select",
            cost=lambda item: shard_size(item[1]),
            counts=_amounts_selected,
        )
        parts = cast("list[dict[str, Any]]", selected)
        taken = add_groups(part["taken"] for part in parts)
        held_out = add_groups({"": part["held_out"]} for part in counted)[""]
        self._write_report(work, rows_of(groups, shares, taken, draws, self._terms), held_out)
        counts = finish(work, parse_ledgers([part["ledger"] for part in parts]))
        return {**counts, "repeats": sum(part["ledger"][0].get("added", {}).get("documents", 0) for part in parts)}

    def _plan(
        self, groups: Mapping[str, Sequence[int]], keys: Sequence[Path]
    ) -> tuple[dict[str, float], dict[str, Draw]]:
        """The share of each group, and what is drawn of it."""
        from smelt.corpus.mix.shards import join_keys

        available = {group: numbers[2] for group, numbers in groups.items()}
        self._check_groups(available)
        shares = shares_of(available, self.weights, temperature=self.temperature)
        amounts = amounts_of(available, shares, budget=self._budget, epochs=self.epochs, when_short=self.when_short)
        return shares, join_keys(keys, amounts, available)

    def _write_report(self, work: Work, rows: Sequence[Row], held_out: Sequence[int]) -> None:
        """Writes mix.json, and warns of what is in it."""
        warnings = warnings_of(rows, self.unit)
        for message in warnings:
            work.events.emit("warning", message=message)
        report: dict[str, JsonValue] = {
            "by": list(self.by),
            "unit": self.unit,
            "counted": self._counted,
            "budget": self.budget,
            "taken": sum(row["taken"][self.unit] for row in rows),
            "epochs_limit": self.epochs,
            "when_short": self.when_short,
            "temperature": self.temperature,
            "seed": self.seed,
            "groups": cast("list[JsonValue]", rows),
            "held_out": {"documents": held_out[0], "bytes": held_out[1]},
            "warnings": cast("list[JsonValue]", warnings),
        }
        write_json(work.folder / REPORT, report)

    @property
    def _terms(self) -> Terms:
        return Terms(unit=self.unit, scale=self._scale, budget=self.budget)

    @property
    def _bytes_per_unit(self) -> float:
        """Bytes in a unit, where it is bytes that are counted."""
        return self.bytes_per_token if self.unit == "tokens" else 1.0

    @property
    def _scale(self) -> float:
        """What documents are sized by, in units: 1 where units are counted, less where tokens are estimated."""
        return 1.0 if self.tokenizer else 1.0 / self._bytes_per_unit

    @property
    def _budget(self) -> float | None:
        return None if self.budget is None else self.budget / self._scale

    def _check_groups(self, available: Mapping[str, int]) -> None:
        by = ", ".join(self.by)
        if not any(available.values()):
            raise EmptyResult(
                where="mix",
                what="there is no document to draw",
                do="widen the window: since, until, domains, languages",
            )
        if len(available) > MOST_GROUPS:
            raise InputError(
                where="mix by",
                what=f"{by} makes {len(available):,} groups",
                expected=f"at most {MOST_GROUPS:,}",
                do="group by what documents share, such as domain, language or source",
            )

    @property
    def _counted(self) -> str:
        if self.unit != "tokens":
            return "exactly"
        return "by the tokenizer" if self.tokenizer else f"estimated: {self.bytes_per_token:g} bytes a token"


def _amounts_counted(part: JsonValue) -> Amounts:
    return Amounts(*cast("dict[str, list[int]]", part)["read"])


def _amounts_selected(part: JsonValue) -> Amounts:
    return amounts_in(cast("dict[str, JsonValue]", part)["ledger"])


def _schemas(corpora: Sequence[Corpus]) -> list[pl.Schema]:
    return [corpus.kept().collect_schema() for corpus in corpora]


def _some_are_split(corpora: Sequence[Corpus], work: Work) -> bool:
    """Whether any corpus is split; a warning where others are not, and `InputError` where one is in part."""
    from smelt.corpus.split import WITHOUT, check_splits, count_splits

    counts = iter(count_splits(work, [shard for corpus in corpora for shard in corpus.shards]))
    splits = [check_splits(corpus.shards, list(islice(counts, len(corpus.shards)))) for corpus in corpora]
    n_unsplit = sum(split.get(WITHOUT, 0) for split in splits)
    is_split = any(set(split) - {WITHOUT} for split in splits)
    if n_unsplit and is_split:
        message = f"{n_unsplit:,} documents have no split and count as train: run dedup over all corpora together"
        work.events.emit("warning", message=message)
    return is_split


def add_groups(parts: Any) -> dict[str, list[int]]:
    """Numbers by group, added up; groups in alphabetical order."""
    total: dict[str, list[int]] = {}
    for part in parts:
        for group, numbers in part.items():
            total[group] = [a + b for a, b in zip(total.get(group, [0] * len(numbers)), numbers, strict=True)]
    return dict(sorted(total.items()))
