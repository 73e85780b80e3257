"""The steps of deduplication: a corpus without its duplicates, and a corpus that stands in a folder to compare with."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue, SkipValidation, ValidationInfo, model_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import file_digest, link_whole, read_json
from smelt.core.step import RUNTIME, Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.corpus import KEPT, LEDGER, Corpus
from smelt.corpus.curate import amounts_in, parse_ledgers
from smelt.corpus.duplicates.banding import FINEWEB, Banding, derive
from smelt.corpus.ledger import Entry
from smelt.corpus.steps import finish
from smelt.errors import InputError
from smelt.units import Bytes

if TYPE_CHECKING:
    from smelt.corpus.duplicates.partitions import Layout
    from smelt.corpus.duplicates.passages import Keying

Method = Literal["exact", "near", "lines", "paragraphs", "substring"]
Unit = Literal["bytes", "tokens"]
BYTES_PER_SECOND: dict[Method, float] = {
    "exact": 45e6,
    "near": 20e6,
    "lines": 15e6,
    "paragraphs": 20e6,
    "substring": 13e6,
}
"""Text on one core, from Parquet to Parquet (`python -m benchmarks duplicates`, rounded down)."""
FIELDS: dict[Method, tuple[str, ...]] = {
    "exact": ("keys",),
    "near": ("jaccard", "minhash"),
    "lines": ("min_bytes", "min_documents"),
    "paragraphs": ("min_bytes", "min_documents"),
    "substring": ("length", "unit", "tokenizer"),
}
"""The fields that mean something only to some methods."""
LENGTH: dict[Unit, int] = {"bytes": 200, "tokens": 50}
"""Where no other is given: the 50 tokens of Lee et al. 2021, which are about 200 bytes in English and in Chinese."""
LEAST_LENGTH: dict[Unit, int] = {"bytes": 16, "tokens": 4}
"""The shortest substring that can be looked for: below, everything repeats (taste)."""
TOKENS_BYTES_PER_SECOND = 2e6
"""Likewise where substrings are of tokens."""


def _several(values: object) -> object:
    return values if isinstance(values, list | tuple) else (values,)


class Dedup(Step[Corpus]):
    """Drops documents, or cuts out text, that were there before; and sets some documents aside for evaluation.

    Whole documents (exact, near): of each cluster the earliest stays, of several the longest, of several the one with
    the smallest id. Columns: `cluster` (the id of the one that stays), `split` ("train" or "held_out", by a hash of the
    cluster: no document that is held out has a duplicate among those trained on), and of what is dropped `survivor`
    and `jaccard`.

    Passages (lines, paragraphs, substring): the first occurrence in the order of the corpus stays; column `spans` says
    what was cut out of the text that came in, in bytes.
    """

    step: ClassVar[str] = "dedup"
    version: ClassVar[int] = 3
    makes: ClassVar[type[Artifact]] = Corpus

    corpus: Step[Corpus]
    """The documents to decide on."""
    method: Method = "near"
    """exact: one normal form or URL. near: those, and enough shingles in common. lines, paragraphs: those that stand in
    several documents. substring: any stretch of bytes or tokens that was there before."""
    keys: Annotated[tuple[Literal["text", "url"], ...], BeforeValidator(_several), Field(min_length=1)] = ("text",)
    """What two documents must have in common to be exact duplicates; of several, any."""
    jaccard: Annotated[float, Field(ge=0.3, le=1)] = 0.8
    """The share of five-word shingles in common, from which on two documents are near duplicates."""
    minhash: Literal["derived", "fineweb"] = "derived"
    """How pairs to compare are found: by bands that find 99% of pairs at the threshold (banding.py), or FineWeb's 14 of
    8, which find 92% at 0.8 (Penedo et al. 2024)."""
    min_bytes: Annotated[Bytes, Field(ge=1)] = 24
    """The shortest line or paragraph that is cut out: 24 are four English words or eight Han characters (taste)."""
    min_documents: Annotated[int, Field(ge=2)] = 2
    """In how many documents a line or paragraph must stand to be cut out of all but the first."""
    unit: Unit = "bytes"
    """What substrings are stretches of."""
    length: Annotated[int, Field(ge=1)] | None = None
    """The shortest substring that is cut out: by default 200 bytes, or 50 tokens."""
    tokenizer: Annotated[Step[Artifact] | None, SkipValidation] = None  # of a room above: checked by its kind
    """Whose tokens they are. Bytes are faster, and ask for no tokenizer; tokens count a text as a model reads it."""
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """The share of documents to hold out (taste)."""
    against: Annotated[tuple[Step[Corpus], ...], BeforeValidator(_several)] = ()
    """Older corpora: what they keep is compared with, and not decided on again. Documents that they dropped count for
    nothing. Where they were made by the same method and settings, their signatures are read, not made again, and of
    their texts only those that may be alike."""

    @model_validator(mode="after")
    def _fields_have_meaning(self) -> Dedup:
        for field in sorted(self.model_fields_set & {name for names in FIELDS.values() for name in names}):
            if field not in FIELDS[self.method] and getattr(self, field) != type(self).model_fields[field].default:
                raise ValueError(f"{field!r} means nothing to method {self.method!r}")
        if self.length is not None and self.length < LEAST_LENGTH[self.unit]:
            raise ValueError(
                f"'length' is {self.length}; substrings have at least {LEAST_LENGTH[self.unit]} {self.unit}"
            )
        if (self.unit == "tokens") != (self.tokenizer is not None):
            raise ValueError('unit = "tokens" and a tokenizer go together: give both, or neither')
        if self.tokenizer is not None and self.tokenizer.makes.kind != "tokenizer":
            raise ValueError(f"tokenizer: the step {self.tokenizer.step!r} makes a {self.tokenizer.makes.kind}")
        return self

    @property
    def banding(self) -> Banding | None:
        """How signatures are cut; None where only equals are looked for."""
        if self.method != "near":
            return None
        return FINEWEB if self.minhash == "fineweb" else derive(self.jaccard)

    def estimate(self, sizes: Sizes) -> Estimate:
        """Deduplication takes time in proportion to the text."""
        n_bytes = sum(sizes.number(corpus, "bytes") for corpus in (self.corpus, *self.against))
        rate = TOKENS_BYTES_PER_SECOND if self.tokenizer else BYTES_PER_SECOND[self.method]
        return Estimate(core_seconds=n_bytes / rate, counts={**sizes[self.corpus]})

    def make(self, work: Work) -> Counts:
        """The phases of documents.py, units.py or substring.py."""
        from smelt.corpus.duplicates.partitions import lay_out

        old = [shard for corpus in self.against for shard in work.open(corpus).shards]
        layout = lay_out(old, work.open(self.corpus).shards, work.scratch)
        if self.method in ("exact", "near"):
            return self._drop_documents(work, layout)
        return self._cut_spans(work, layout)

    def _drop_documents(self, work: Work, layout: Layout) -> Counts:
        from smelt.corpus.duplicates import documents
        from smelt.corpus.duplicates.partitions import count_partitions
        from smelt.corpus.duplicates.signatures import settings, write_settings

        keys = self.keys if self.method == "exact" else ("text",)
        likeness = documents.Likeness(keys, self.banding, self.jaccard if self.banding else 1.0)
        every = range(len(layout.shards))
        signing: Any = partial(documents.sign_shard, layout=layout, likeness=likeness)
        counts: list[list[int]] = work.map(signing, every, label="sign", cost=layout.bytes)
        n_bands, *others = (count_partitions(sum(column)) for column in zip(*counts, strict=True))
        equal = [(name, n, of) for name, of in zip(keys, others, strict=True) for n in range(of)]
        work.map(partial(documents.group_equals, layout=layout), equal, label="equal")
        files = [layout.part(n, f"{name}-links.npy") for name, n, _ in equal]
        if likeness.banding:
            parts = [(n, n_bands) for n in range(n_bands)]
            work.map(partial(documents.group_bands, layout=layout), parts, label="meet")
            shingling = partial(documents.shingle_shard, layout=layout, n_partitions=n_bands)
            work.map(shingling, every, label="shingle", cost=layout.bytes)
            work.map(partial(documents.link_partition, layout=layout, likeness=likeness), range(n_bands), label="link")
            files += [layout.part(n, "near-links.npy") for n in range(n_bands)]
        n_clusters = documents.join_links(layout, work.folder, files, likeness)
        write_settings(work.folder, settings(likeness.banding))
        marking = partial(
            documents.mark_shard, layout=layout, folder=work.folder, likeness=likeness, held_out=self.held_out
        )
        ledger = parse_ledgers(work.map(marking, layout.new, label="mark", cost=layout.bytes, counts=amounts_in))
        return {**finish(work, ledger), "clusters": n_clusters}

    def _cut_spans(self, work: Work, layout: Layout) -> Counts:
        from smelt.corpus.duplicates.passages import cut_shard
        from smelt.corpus.duplicates.signatures import write_settings

        find = self._find_substrings if self.method == "substring" else self._find_units
        keying, n_parts = find(work, layout)
        write_settings(work.folder, keying.settings())
        cutting = partial(
            cut_shard, layout=layout, folder=work.folder, n_partitions=n_parts, keying=keying, held_out=self.held_out
        )
        ledger = parse_ledgers(work.map(cutting, layout.new, label="cut", cost=layout.bytes, counts=amounts_in))
        return finish(work, ledger)

    def _find_units(self, work: Work, layout: Layout) -> tuple[Keying, int]:
        """Finds lines or paragraphs that were there before; gives how, and in how many partitions."""
        from smelt.corpus.duplicates.partitions import partitions_of
        from smelt.corpus.duplicates.units import Units, find_repeats, key_shard

        units = Units("paragraphs" if self.method == "paragraphs" else "lines", self.min_bytes)
        keying = partial(key_shard, layout=layout, units=units)
        parts = partitions_of(work.map(keying, range(len(layout.shards)), label="key", cost=layout.bytes))
        finding = partial(find_repeats, layout=layout, units=units, min_documents=self.min_documents)
        work.map(finding, parts, label="repeats")
        return units, len(parts)

    def _find_substrings(self, work: Work, layout: Layout) -> tuple[Keying, int]:
        """Finds stretches that were there before; gives how, and in how many partitions."""
        from smelt.corpus.duplicates import substring
        from smelt.corpus.duplicates.partitions import partitions_of

        tokenizer = work.open(self.tokenizer).folder / "tokenizer.json" if self.tokenizer else None
        stretches = substring.Stretches(self.length or LENGTH[self.unit], tokenizer)
        keying = partial(substring.key_shard, layout=layout, stretches=stretches)
        parts = partitions_of(work.map(keying, range(len(layout.shards)), label="key", cost=layout.bytes))
        work.map(partial(substring.meet, layout=layout, stretches=stretches), parts, label="meet")
        fetching = partial(substring.fetch_shard, layout=layout, stretches=stretches, n_partitions=len(parts))
        work.map(fetching, layout.old, label="fetch", cost=layout.bytes)
        finding = partial(substring.find_repeats, layout=layout, stretches=stretches)
        work.map(finding, range(len(parts)), label="repeats")
        return stretches, len(parts)


def absolute_path(path: object, info: ValidationInfo) -> object:
    """A relative path as it is meant: from the recipe's folder, else from the working directory."""
    if not isinstance(path, str | Path):
        return path
    context: dict[str, Any] = info.context or {}
    return str(Path(context.get("folder", ".")).absolute() / Path(path).expanduser())


class Existing(Step[Corpus]):
    """A corpus that stands in a folder: what an earlier command wrote with -o, or an artifact of any store.

    Its files are linked, not copied, where both lie on one disk. It is told by the contents of its files.
    """

    step: ClassVar[str] = "existing"
    makes: ClassVar[type[Artifact]] = Corpus

    folder: Annotated[str, BeforeValidator(absolute_path), RUNTIME]
    """The folder, with `kept` in it."""

    def files(self) -> list[Path]:
        """The files of the corpus; `InputError` where it is none."""
        root = Path(self.folder)
        if not (root / KEPT).is_dir() or not (root / LEDGER).is_file():
            raise InputError(
                where=self.folder, what="is no corpus", expected="a folder that smelt wrote, with kept/ in it"
            )
        return sorted(
            path for path in root.rglob("*") if path.is_file() and not path.name.startswith((".", "manifest"))
        )

    def extra_identity(self) -> dict[str, JsonValue]:
        """The contents of the files."""
        return {str(path.relative_to(self.folder)): file_digest(path) for path in self.files()}

    def make(self, work: Work) -> Counts:
        """Links the files."""
        for path in self.files():
            link_whole(path, work.folder / path.relative_to(self.folder))
        rows: Any = read_json(work.folder / LEDGER)
        last = Entry.model_validate(rows[-1])
        return {"documents": last.documents_out, "bytes": last.bytes_out}
