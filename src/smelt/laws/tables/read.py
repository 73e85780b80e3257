"""A table of runs in anyone's file: CSV, TSV, Parquet, JSON lines, JSON; or a run table of the store.

Columns keep the names and units of the file: columns.py says what they mean.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from smelt.errors import EmptyResult, InputError
from smelt.runs.run import RUNS

KINDS = (".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson", ".json")
PACKED = (".gz", ".zst")
SEPARATORS = (",", "\t", ";")


def table_file(path: Path) -> Path:
    """The file at a path; of a run table's folder the one with the runs. `InputError` where there is none."""
    file = path / RUNS if path.is_dir() else path
    if not file.is_file():
        what = "is a folder without runs.parquet" if path.is_dir() else "there is no such file"
        raise InputError(where=str(path), what=what, expected=f"a table of runs: {', '.join(KINDS)}")
    if _kind(file) not in KINDS:
        raise InputError(where=str(path), what="is no table that can be read", expected=f"one of {', '.join(KINDS)}")
    return file


def read_frame(path: Path) -> pl.DataFrame:
    """The rows of a file; `InputError` where it cannot be read, `EmptyResult` where there are none."""
    file = table_file(path)
    try:
        frame = _read(file)
    except (PolarsError, OSError, UnicodeDecodeError) as error:
        if not file.stat().st_size or isinstance(error, pl.exceptions.NoDataError):
            raise EmptyResult(where=str(path), what="is empty", expected="a header, and a row for each run") from error
        said = str(error).strip().splitlines()[0]
        raise InputError(
            where=str(path),
            what=f"cannot be read as {_kind(file)}: {said}",
            expected="one row a run, as many cells each",
        ) from error
    if frame.is_empty():
        raise EmptyResult(where=str(path), what="has a header and no runs", expected="a row for each run")
    return frame


def _read(file: Path) -> pl.DataFrame:
    match _kind(file):
        case ".parquet":
            return pl.read_parquet(file)
        case ".jsonl" | ".ndjson":
            return pl.read_ndjson(file, infer_schema_length=None)
        case ".json":
            return pl.read_json(file, infer_schema_length=None)
        case _:
            return _read_csv(file)


def _read_csv(file: Path) -> pl.DataFrame:
    """By the separator that makes the most columns of the header; with semicolons decimals have commas."""
    headers = {
        separator: pl.read_csv(file, separator=separator, n_rows=0, truncate_ragged_lines=True).width
        for separator in SEPARATORS
    }
    separator = max(SEPARATORS, key=lambda found: headers[found])
    frame = pl.read_csv(
        file, separator=separator, infer_schema_length=None, decimal_comma=separator == ";", null_values=[""]
    )
    return frame.rename({name: name.strip() for name in frame.columns if name.strip() not in frame.columns})


def _kind(file: Path) -> str:
    name = file.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return Path(name).suffix
