"""One job on files, with no recipe to write: `extract`, `curate`, `dedup`, `decontaminate`, `datasheet`.

The work is done by the same steps as a recipe's, in the same store: what has been made is not made again, and a command
that was killed goes on where it was. The result is then laid where the user wants it:

    OUT/kept/*.parquet  OUT/dropped/*.parquet  OUT/manifest.json ...   a folder: the corpus, file by file
    OUT.jsonl, OUT.jsonl.zst, OUT.parquet                              a file: the kept documents alone
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

import polars as pl
from pydantic import JsonValue, ValidationError

from smelt.cli.console import Follower
from smelt.cli.run import choose_runner
from smelt.core.artifact import MANIFEST
from smelt.core.shards import link_whole, write_whole
from smelt.core.step import Step
from smelt.core.store import Store
from smelt.corpus.corpus import KEPT, Corpus
from smelt.corpus.document import Op
from smelt.corpus.mix.report import mixture_lines
from smelt.corpus.ops import parse_op
from smelt.errors import InputError

FILES = (".jsonl", ".jsonl.zst", ".jsonl.gz", ".parquet")
"""The names that make OUT a file."""
PACKINGS: dict[str, Literal["uncompressed", "zstd", "gzip"]] = {
    ".jsonl": "uncompressed",
    ".zst": "zstd",
    ".gz": "gzip",
}
SHOWN = 20
"""Items that are printed one by one."""
EXTRACTED = ("id", "url", "title", "author", "date", "language", "text")
"""What `extract` writes of a document; `language` under the name `lang`."""


def parse_ops(values: Sequence[str | Mapping[str, object]], *, option: str) -> tuple[Op, ...]:
    """Ops from what an option says; `InputError` names the option where they are none."""
    with named(option):
        return tuple(parse_op(value, context={"folder": Path()}) for value in values)


def parse_weights(text: str) -> dict[str, float]:
    """Shares by group from `en=.7,zh=.3`."""
    weights: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        group, _, share = part.rpartition("=")
        try:
            weights[group.strip()] = float(share)
        except ValueError as error:
            raise InputError(
                where="--weights", what=f"{part!r} is no share of a group", expected="such as en=.7,zh=.3"
            ) from error
    return weights


@contextmanager
def named(option: str) -> Generator[None]:
    """Turns a value that a step or an op does not take into an `InputError` that names the option."""
    try:
        yield
    except ValidationError as error:
        problem = error.errors()[0]
        field, said = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
        what = f"{field}: {said}" if field else said
        raise InputError(where=option, what=what, do="see: smelt --help") from error
    except ValueError as error:
        raise InputError(where=option, what=str(error), do="see: smelt --help") from error


def make_files(
    step: Step[Corpus],
    output: Path | None,
    *,
    store: Path,
    on: str | None,
    workers: int | None,
    as_json: bool,
    columns: Sequence[str] | None = None,
) -> Corpus:
    """Makes a corpus, lays it at `output`, says what is there, and gives it."""
    if output is None:
        raise InputError(where="-o", what="is missing", expected="where the result is to go")
    check_output(output)
    with Store(store, runner=choose_runner(on, workers)) as opened, Follower(opened.events):
        corpus = opened.make(step)
    lay_out(corpus, output, columns)
    _print_result(corpus, output, as_json=as_json)
    return corpus


def check_items(step: Step[Corpus], *, store: Path, on: str | None, workers: int | None, as_json: bool) -> None:
    """Prints which evaluation items the documents hold, by file and one by one."""
    with Store(store, runner=choose_runner(on, workers)) as opened, Follower(opened.events):
        corpus = opened.make(step)
    items = pl.read_parquet(corpus.folder / "items.parquet")
    seen = items.filter(pl.col("documents") > 0).sort("coverage", "item", descending=[True, False])
    if as_json:
        value = {"items": len(items), "searched": int(items["searched"].sum()), "seen": seen.to_dicts()}
        print(json.dumps(value, ensure_ascii=False))
        return
    counts = items.group_by("file").agg(pl.len(), pl.col("searched").sum(), (pl.col("documents") > 0).sum())
    for file, n, searched, found in counts.sort("file").iter_rows():
        print(f"{file:<56} {n:>7,} items {searched:>7,} searched for {found:>7,} seen")
    for row in seen.head(SHOWN).iter_rows(named=True):
        print(f"  {row['item']:<54} {row['kinds']:<16} {row['coverage']:>5.0%} in {row['documents']:,} documents")
    print(f"\n{corpus.folder / 'matches.parquet'}")


def check_output(output: Path) -> None:
    """Raises `InputError` where something stands at `output` that no command of ours wrote."""
    if is_file(output) or not output.exists():
        return
    if not output.is_dir():
        raise InputError(
            where=f"-o {output}", what="is a file", expected=f"a folder, or a name that ends in {' '.join(FILES)}"
        )
    if any(output.iterdir()) and not (output / KEPT).is_dir():
        raise InputError(
            where=f"-o {output}",
            what="is a folder with other things in it",
            expected="an empty or a new one, or one that an earlier command wrote",
        )


def is_file(output: Path) -> bool:
    """Whether the name asks for a file rather than a folder."""
    return output.name.endswith(FILES)


def lay_out(corpus: Corpus, output: Path, columns: Sequence[str] | None) -> None:
    """Lays a corpus at `output`, as a folder or as a file of the kept documents."""
    if is_file(output):
        _write_documents(corpus, output, columns)
        return
    names = [*corpus.manifest.files, MANIFEST]  # the manifest too, last: what it is and where it came from goes along
    shutil.rmtree(output, ignore_errors=True)  # checked before: it is ours
    for name in names:
        link_whole(corpus.folder / name, output / name)


def _write_documents(corpus: Corpus, output: Path, columns: Sequence[str] | None) -> None:
    documents = corpus.kept()
    if columns is not None:
        known = documents.collect_schema()
        chosen = [name for name in columns if name in known]
        documents = documents.select(chosen).rename({"language": "lang"}, strict=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(output) as path:
        if output.suffix == ".parquet":
            documents.sink_parquet(path)
        else:
            documents.sink_ndjson(path, compression=PACKINGS[output.suffix], check_extension=False)


def _print_result(corpus: Corpus, output: Path, *, as_json: bool) -> None:
    counts, ledger = corpus.manifest.counts, corpus.ledger()
    if as_json:
        value: dict[str, JsonValue] = {"output": str(output), "counts": counts, "ledger": cast("JsonValue", ledger)}
        print(json.dumps(value))
        return
    for entry in ledger:
        print(f"{entry['op']:<16} {entry['documents_in']:>10,} in {entry['documents_out']:>10,} out")
        for reason, amount in sorted(entry["dropped"].items(), key=lambda item: -item[1]["documents"]):
            print(f"  {reason:<32} {amount['documents']:>10,}")
        if "added" in entry:
            print(f"  {'(added)':<32} {entry['added']['documents']:>10,}")
    for line in mixture_lines(corpus.folder):
        print(line)
    print(f"\n{output}")
