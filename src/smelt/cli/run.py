"""`run`, `explain`, `report`: what works on recipes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from smelt.cli.console import Follower
from smelt.core.artifact import Artifact, Ref
from smelt.core.explain import Explanation, explain
from smelt.core.local import LocalRunner, available_cores
from smelt.core.recipe import Recipe
from smelt.core.store import Store
from smelt.core.work import Runner
from smelt.errors import InputError
from smelt.units import format_bytes, format_seconds


def run_recipe(
    path: Path,
    overrides: Sequence[str],
    *,
    store: Path,
    on: str | None,
    workers: int | None,
    with_report: bool,
    as_json: bool,
) -> None:
    """Makes every step of a recipe, then the report; prints where things are."""
    recipe = Recipe.load(path, overrides)
    with Store(store, runner=choose_runner(on, workers)) as opened:
        opened.remember(recipe.name, [_ref(name, recipe) for name in recipe.steps])
        with Follower(opened.events):
            artifacts = recipe.make(opened)
        page = _fresh_report(recipe, artifacts, opened) if with_report else None
    _print_result(artifacts, page, as_json=as_json)


def explain_recipe(path: Path, overrides: Sequence[str], *, store: Path, as_json: bool) -> None:
    """Prints what a run would do."""
    lines = explain(Recipe.load(path, overrides), Store(store))
    if as_json:
        print(json.dumps([_explanation_json(line) for line in lines]))
        return
    width = max(len(line.name) for line in lines)
    for line in lines:
        print(f"{line.name:<{width}}  {_in_words(line)}".rstrip())
    seconds = sum(line.estimate.core_seconds for line in lines if line.estimate)
    if seconds:
        print(f"\nabout {format_seconds(seconds / available_cores())} on {available_cores()} cores")


def report_recipe(
    path: Path,
    overrides: Sequence[str],
    *,
    output: Path | None,
    figures: Path | None,
    form: str,
    store: Path,
    as_json: bool,
) -> None:
    """Writes the report of what a recipe has made, and names what is not made yet; its figures into `figures`."""
    recipe, opened = Recipe.load(path, overrides), Store(store)
    found = {name: opened.find(step) for name, step in recipe.steps.items()}
    made = {name: artifact for name, artifact in found.items() if artifact is not None}
    if not made:
        raise InputError(where=str(store), what=f"holds nothing of {path}", do=f"make it first: smelt run {path}")
    missing = [name for name, artifact in found.items() if artifact is None]
    if missing:
        print(f"not made yet, and not in the report: {', '.join(missing)}", file=sys.stderr)
    drawn = _write_figures(made, figures, form) if figures is not None else []
    page = output or _report_path(opened, recipe)
    write_report(page, recipe, made)
    if as_json:
        print(json.dumps({"report": str(page), "figures": [str(path) for path in drawn]}))
        return
    for written in (page, *drawn):
        print(written)


def choose_runner(on: str | None, workers: int | None) -> Runner:
    """The runner that `--on` and `--workers` ask for."""
    if on is None:
        return LocalRunner(workers)
    if on != "ray" and not on.startswith("ray://"):
        raise InputError(where=f"--on {on}", what="is no place to run", expected="ray or ray://host:port")
    try:
        from smelt.core.ray import RayRunner
    except ModuleNotFoundError as error:
        raise InputError(
            where=f"--on {on}", what="Ray is not installed", do="install it: pip install 'smelt[ray]'"
        ) from error
    return RayRunner(None if on == "ray" else on)


def write_report(page: Path, recipe: Recipe, artifacts: dict[str, Artifact]) -> None:
    """Renders and writes the report, whole."""
    from smelt.core.shards import write_whole
    from smelt.report.page import render_report

    html = render_report(artifacts, title=recipe.name)
    with write_whole(page) as temporary:
        temporary.write_text(html)


def _write_figures(artifacts: dict[str, Artifact], folder: Path, form: str) -> list[Path]:
    from smelt.report.page import report_figures
    from smelt.report.static import write_figures

    return write_figures(report_figures(artifacts), folder, form=form)


def _fresh_report(recipe: Recipe, artifacts: dict[str, Artifact], store: Store) -> Path:
    """The report's path; written only where an artifact is newer than it."""
    page = _report_path(store, recipe)
    newest = max((artifact.folder / "manifest.json").stat().st_mtime for artifact in artifacts.values())
    if not page.exists() or page.stat().st_mtime < newest:
        write_report(page, recipe, artifacts)
    return page


def _report_path(store: Store, recipe: Recipe) -> Path:
    """One page for each state of a recipe: another override, another page."""
    last = next(reversed(recipe.steps.values()))
    return store.root / "reports" / f"{recipe.name}-{last.fingerprint[:12]}.html"


def _ref(name: str, recipe: Recipe) -> Ref:
    step = recipe.steps[name]
    return Ref(kind=step.makes.kind, name=name, fingerprint=step.fingerprint)


def _print_result(artifacts: dict[str, Artifact], page: Path | None, *, as_json: bool) -> None:
    if as_json:
        made: dict[str, JsonValue] = {name: str(artifact.ref) for name, artifact in artifacts.items()}
        print(json.dumps({"artifacts": made, "report": str(page) if page else None}))
        return
    for name, artifact in artifacts.items():
        print(f"{name:<12} {artifact.folder}")
    if page:
        print(f"\nreport: {page}")


def _in_words(line: Explanation) -> str:
    state = {"made": "made", "resumes": "goes on", "new": "new", "again": "again"}[line.state]
    why = f": {', '.join(line.reasons)}" if line.reasons else ""
    if line.estimate is None:
        return f"{state}{why}"
    note = f"; {line.estimate.note}" if line.estimate.note else ""
    seconds = line.estimate.core_seconds
    cost = f"   about {format_seconds(seconds)} of one core" if seconds else ""
    memory = f", {format_bytes(line.estimate.process_bytes)} of memory" if line.estimate.process_bytes else ""
    return f"{state}{why}{note}{cost}{memory}"


def _explanation_json(line: Explanation) -> dict[str, JsonValue]:
    estimate = line.estimate
    return {
        "name": line.name,
        "state": line.state,
        "reasons": list(line.reasons),
        "core_seconds": estimate.core_seconds if estimate else 0.0,
        "process_bytes": estimate.process_bytes if estimate else 0.0,
        "note": estimate.note if estimate else "",
    }
