"""docs/laws/reproductions.md: published, reproduced and the difference side by side, with the reasons found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill

from benchmarks.figures import Figure
from benchmarks.reproductions.chinchilla import chinchilla, hoffmanns_outliers, squared_errors
from benchmarks.reproductions.choices import mixing_laws, regmix, step_laws
from benchmarks.reproductions.isoflops import llama_3, noise_free, porian
from benchmarks.reproductions.plans import counting, inference_aware
from benchmarks.reproductions.spending import clark, gadre, muennighoff
from benchmarks.reproductions.study import Row, Study
from benchmarks.reproductions.tasks import broken, emergent, inverse_scaling, ladder

PAGE = Path(__file__).parents[2] / "docs/laws/reproductions.md"
STUDIES: dict[str, Callable[[], Study]] = {
    "Chinchilla, approach 3": chinchilla,
    "What five runs of 245 decide": hoffmanns_outliers,
    "The same runs by least squares": squared_errors,
    "From Kaplan's exponent to Chinchilla's": porian,
    "Llama 3's curves": llama_3,
    "Approach 2 without noise": noise_free,
    "Over-training": gadre,
    "Repeated data": muennighoff,
    "Models that will be used": inference_aware,
    "Routed models": clark,
    "Counting": counting,
    "Mixtures ranked": regmix,
    "Laws of mixtures": mixing_laws,
    "Learning rate and batch": step_laws,
    "A jump": broken,
    "Scores in two steps": ladder,
    "Emergence": emergent,
    "Inverse scaling": inverse_scaling,
}
"""By the titles of their sections."""
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
    studies: dict[str, Study] = {}
    for title, make in STUDIES.items():
        studies[title] = make()
        yield from (_figure(title, row) for row in studies[title].rows)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(markdown(studies))


def markdown(studies: Mapping[str, Study]) -> str:
    """The page."""
    parts = [HEAD.format(date=datetime.now(UTC).date().isoformat()).rstrip()]
    for title, study in studies.items():
        parts += [
            f"## {title}",
            f"{study.source}. Data: {study.data}.",
            "\n".join(["| | published | reproduced | difference |", "|---|---:|---:|---:|", *map(line, study.rows)]),
            fill(" ".join(study.reasons.split()), 120),
        ]
    return "\n\n".join(parts) + "\n"


def line(row: Row) -> str:
    """A row of its table."""
    published = "" if row.published is None else format(row.published, row.form)
    return f"| {row.what} | {published} | {format(row.reproduced, row.form)} | {_difference(row)} |"


def _difference(row: Row) -> str:
    if not row.published:
        return ""
    return f"{row.reproduced / row.published - 1:+.2%}"


def _figure(title: str, row: Row) -> Figure:
    wanted = "" if row.published is None else format(row.published, row.form)
    return Figure(f"{title}: {row.what}", row.reproduced, "", wanted)
