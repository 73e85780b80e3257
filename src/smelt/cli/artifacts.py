"""`ls`, `show`, `diff`, `trace`: what looks into the store."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from smelt.cli.console import summary_of
from smelt.core.artifact import Artifact, Manifest, Ref, Trace
from smelt.core.compare import Difference, compare
from smelt.core.journey import Stop, find_journey
from smelt.core.recipe import step_class
from smelt.core.store import Store
from smelt.errors import InputError
from smelt.units import format_bytes, format_count, format_seconds


def list_artifacts(store: Path, *, as_json: bool) -> None:
    """Prints one line an artifact: name, size, cost, when, how much."""
    manifests = [manifest for _, manifest in Store(store).manifests()]
    if as_json:
        print(json.dumps([_summary(manifest) for manifest in manifests]))
        return
    if not manifests:
        print(f"{store} is empty; `smelt run RECIPE` fills it")
    for manifest in sorted(manifests, key=lambda manifest: manifest.started):
        size = format_bytes(sum(file.bytes for file in manifest.files.values()))
        numbers = ", ".join(summary_of(manifest.counts)[:3])
        print(f"{manifest.ref!s:<36} {size:>9} {format_seconds(manifest.seconds):>12}  {manifest.started}  {numbers}")


def show_artifact(reference: str, *, store: Path, as_json: bool) -> None:
    """Prints an artifact's manifest, readably."""
    folder, manifest = find_manifest(Store(store), reference)
    if as_json:
        print(manifest.model_dump_json())
        return
    print(f"{manifest.ref}\n  {folder}")
    _print_section("made by", {"step": f"{manifest.step}, version {manifest.step_version}", **manifest.identity})
    _print_section("from", {field: str(ref) for field, ref in manifest.inputs.items()})
    _print_section("holds", manifest.counts)
    _print_section("cost", _cost(manifest))
    _print_section("versions", dict(manifest.versions))


def diff_artifacts(before: str, after: str, *, store: Path, as_json: bool) -> None:
    """Prints the fields in which two artifacts differ."""
    opened = Store(store)
    found = compare(find_manifest(opened, before)[1], find_manifest(opened, after)[1])
    if as_json:
        print(json.dumps([_difference_json(difference) for difference in found]))
        return
    if not found:
        print("no difference")
    for difference in found:
        ratio = f"   x {difference.ratio:.4g}" if difference.ratio else ""
        print(f"{difference.section:<9} {difference.field}: {difference.before} -> {difference.after}{ratio}")


def trace_document(reference: str, *, recipe: str | None, store: Path, as_json: bool) -> None:
    """Prints what became of a document in every artifact of a recipe's last run."""
    opened = Store(store)
    document, stops = find_journey(_artifacts_of(opened, recipe), reference)
    if as_json:
        print(json.dumps({"document": document, "journey": [_stop_json(stop) for stop in stops]}))
        return
    print(document)
    for stop in stops:
        print(f"  {stop.artifact!s:<36} {' . '.join(_in_words(trace) for trace in stop.traces)}")


def find_manifest(store: Store, reference: str) -> tuple[Path, Manifest]:
    """The artifact that `kind/name@fingerprint` or any unambiguous part of it names; the latest of one name."""
    every = list(store.manifests())
    found = [(folder, manifest) for folder, manifest in every if _is_named(manifest.ref, reference)]
    if not found:
        names = sorted({name for _, manifest in every for name in (manifest.name, str(manifest.ref))})
        close = difflib.get_close_matches(reference, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(where=str(store.root), what=f"holds no artifact {reference!r}{hint}", do="see: smelt ls")
    kinds = sorted({manifest.kind for _, manifest in found})
    if len(kinds) > 1:
        raise InputError(
            where=reference,
            what=f"is the name of a {' and of a '.join(kinds)}",
            do=f"say which: {kinds[0]}/{reference}",
        )
    return max(found, key=lambda pair: pair[1].started)


def _is_named(ref: Ref, reference: str) -> bool:
    kind, _, rest = reference.rpartition("/")
    name, at, fingerprint = rest.partition("@")
    if kind and kind != ref.kind:
        return False
    if at:
        return ref.name.startswith(name) and ref.fingerprint.startswith(fingerprint)
    return name == ref.name or (len(name) >= 6 and ref.fingerprint.startswith(name))


def _artifacts_of(store: Store, recipe: str | None) -> Sequence[Artifact]:
    remembered = [note for note in store.remembered() if recipe in (None, note.recipe)]
    if not remembered:
        raise InputError(
            where=str(store.root),
            what="remembers no run" if recipe is None else f"remembers no run of {recipe!r}",
            do="run a recipe first: smelt run RECIPE",
        )
    refs = remembered[-1].artifacts
    by_fingerprint = {manifest.fingerprint: (folder, manifest) for folder, manifest in store.manifests()}
    made = [by_fingerprint[ref.fingerprint] for ref in refs if ref.fingerprint in by_fingerprint]
    return [step_class(manifest.step, where=str(folder)).makes(folder, manifest) for folder, manifest in made]


def _summary(manifest: Manifest) -> dict[str, JsonValue]:
    return {
        "artifact": str(manifest.ref),
        "kind": manifest.kind,
        "name": manifest.name,
        "fingerprint": manifest.fingerprint,
        "bytes": sum(file.bytes for file in manifest.files.values()),
        "seconds": manifest.seconds,
        "started": manifest.started,
        "counts": manifest.counts,
    }


def _cost(manifest: Manifest) -> dict[str, JsonValue]:
    return {
        "seconds": manifest.seconds,
        "cpu_seconds": manifest.cpu_seconds,
        "peak memory": format_bytes(manifest.peak_memory_bytes),
        "of one process": format_bytes(manifest.peak_process_bytes) if manifest.peak_process_bytes else "not measured",
        "started": manifest.started,
        "host": f"{manifest.host.name}, {manifest.host.cores} cores, {manifest.host.runner}",
    }


def _print_section(title: str, values: dict[str, JsonValue]) -> None:
    for number, (field, value) in enumerate(values.items()):
        shown = format_count(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        print(f"  {title if number == 0 else '':<9} {field}: {shown}")


def _difference_json(difference: Difference) -> dict[str, JsonValue]:
    return {
        "section": difference.section,
        "field": difference.field,
        "before": difference.before,
        "after": difference.after,
    }


def _stop_json(stop: Stop) -> dict[str, JsonValue]:
    traces: list[JsonValue] = [
        {"where": trace.where, "fate": trace.fate, "detail": trace.detail} for trace in stop.traces
    ]
    return {"artifact": str(stop.artifact), "traces": traces}


def _in_words(trace: Trace) -> str:
    fate = "DROPPED" if trace.fate == "dropped" else trace.fate
    return f"{trace.where} {fate} {trace.detail}".strip()
