"""docs/laws/reproductions.md: published, reproduced and the difference side by side, with the reasons found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill

from benchmarks.figures import Figure
from benchmarks.reproductions.chinchilla import chinchilla, hoffmanns_outliers, squared_errors
from benchmarks.reproductions.spending import clark, gadre, muennighoff
from benchmarks.reproductions.study import Row, Study

PAGE = Path(__file__).parents[2] / "docs/laws/reproductions.md"
STUDIES = (chinchilla, hoffmanns_outliers, squared_errors, gadre, muennighoff, clark)
HEAD = """# Published laws, fitted again

Each table sets what a source printed beside what smelt finds in the same runs, and says why they differ. The page is
written by

```
python -m benchmarks reproductions
```

from the public sets of runs ({date}). A difference is reproduced over published, minus one.
"""


def measure_reproductions() -> Iterator[Figure]:
    """Every figure of every study; writes the page at the end."""
    studies: list[Study] = []
    for study in (make() for make in STUDIES):
        studies.append(study)
        yield from (_figure(study, row) for row in study.rows)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(markdown(studies))


def markdown(studies: Sequence[Study]) -> str:
    """The page."""
    parts = [HEAD.format(date=datetime.now(UTC).date().isoformat()).rstrip()]
    for study in studies:
        parts += [
            f"## {study.title}",
            f"{study.source}. Data: `{study.data}`.",
            _table(study.rows),
            fill(" ".join(study.reasons.split()), 120),
        ]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    lines = ["| | published | reproduced | difference |", "|---|---:|---:|---:|"]
    for row in rows:
        published = "" if row.published is None else format(row.published, row.form)
        lines.append(f"| {row.what} | {published} | {format(row.reproduced, row.form)} | {_difference(row)} |")
    return "\n".join(lines)


def _difference(row: Row) -> str:
    if not row.published:
        return ""
    return f"{row.reproduced / row.published - 1:+.2%}"


def _figure(study: Study, row: Row) -> Figure:
    wanted = "" if row.published is None else format(row.published, row.form)
    return Figure(f"{study.title}: {row.what}", row.reproduced, "", wanted)
