"""`export`: a trained model as a folder that another tool opens."""

from __future__ import annotations

import json
from pathlib import Path

from smelt.cli.artifacts import find_manifest
from smelt.core.store import Store
from smelt.errors import InputError
from smelt.models.huggingface import CONFIG
from smelt.runs.export import export_run


def export_model(reference: str, *, to: str, target: Path, store: Path, as_json: bool) -> None:
    """Writes the model of a run, named as `show` has it or by its folder, and prints the files."""
    if to != "hf":
        raise InputError(where="--to", what=f"there is no {to!r}", expected="hf")
    folder = Path(reference)
    if not (folder / CONFIG).is_file():
        folder, _ = find_manifest(Store(store), reference)
    files = [str(file) for file in export_run(folder, target)]
    if as_json:
        print(json.dumps(files))
        return
    print(*files, sep="\n")
