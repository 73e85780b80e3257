"""Peak memory of training beside what `smelt explain` says before it, each run in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

RECIPES = Path(__file__).parents[1] / "recipes"
TEXT = f"""
[raw]
step = "read"
paths = "{RECIPES}/quickstart/government.jsonl.zst"

[unique]
step = "dedup"
corpus = "raw"
held_out = 0.1

[tokenizer]
step = "train-tokenizer"
corpus = "unique"
vocab = 4096

[tokens]
step = "tokenize"
corpus = "unique"
tokenizer = "tokenizer"
"""
SHARED: dict[str, Any] = {"step": "train", "tokens": "tokens", "n_tokens": 3e4}
ENCODER = {"kind": "encoder", "head": "transform"}
RUNS: dict[str, dict[str, Any]] = {
    "d128, 5 layers, fp32": {"d_model": 128, "n_layers": 5, "n_tokens": 1e5},
    "d128, 5 layers, bf16": {"d_model": 128, "n_layers": 5, "n_tokens": 1e5, "hparams": {"precision": "bf16"}},
    "d384, 8 layers, fp32": {"d_model": 384, "n_layers": 8},
    "d384, 8 layers, bf16": {"d_model": 384, "n_layers": 8, "hparams": {"precision": "bf16"}},
    "d256, 6 layers, AdamW": {"d_model": 256, "n_layers": 6, "hparams": {"optimiser": "adamw"}},
    "d256, 6 layers, recomputed": {"d_model": 256, "n_layers": 6, "machine": {"recompute": True}},
    "d256, 6 layers, 2 of 8 experts": {"d_model": 256, "n_layers": 6, "family": {"experts": {"n": 8, "top_k": 2}}},
    "d256, 6 layers, encoder": {"d_model": 256, "n_layers": 6, "family": ENCODER, "objective": {"kind": "masked"}},
    "d256, 6 layers, windows of 64": {"d_model": 256, "n_layers": 6, "family": {"window": 64}},
    "never seen: d192, 5 layers, V=4,096, T=128": {"d_model": 192, "n_layers": 5, "family": {"context": 128}},
    "never seen: d320, 6 layers, bf16, AdamW": {
        "d_model": 320, "n_layers": 6, "hparams": {"precision": "bf16", "optimiser": "adamw"},
    },
    "never seen: d256, 4 layers, GPT-2's pieces": {
        "d_model": 256, "n_layers": 4,
        "family": {"norm": "layer", "positions": "learned", "feed_forward": "gelu-tanh", "bias": True, "ff_ratio": 4.0},
    },
    "d256, 3 + 3 layers, spans": {
        "d_model": 256, "n_layers": 3, "family": {"kind": "encoder-decoder"}, "objective": {"kind": "spans"},
    },
}  # fmt: skip


def measure_memory() -> Iterator[Figure]:
    """The peak over the estimate, of models of several sizes, precisions and kinds."""
    with tempfile.TemporaryDirectory() as folder:
        for i, (name, fields) in enumerate(RUNS.items()):
            hparams = {"batch_tokens": 1.9e4, **fields.get("hparams", {})}  # so that a pass is full
            table = {**SHARED, **fields, "hparams": hparams, "family": {"context": 256, **fields.get("family", {})}}
            recipe = Path(folder) / "recipe.toml"
            recipe.write_text(TEXT)
            _smelt("run", folder)  # of the training alone, when it comes
            recipe.write_text(TEXT + f"\n[run{i}]\n" + "".join(f"{key} = {_toml(table[key])}\n" for key in table))
            said = next(line for line in json.loads(_smelt("explain", folder)) if line["name"] == f"run{i}")
            _smelt("run", folder)
            manifest = next(Path(folder).glob(f"store/run/run{i}@*/manifest.json"))
            peak = json.loads(manifest.read_text())["peak_process_bytes"]
            yield Figure(f"peak memory over estimate, {name}", peak / said["process_bytes"], "times", ".9 to 1.1")


def _smelt(verb: str, folder: str) -> str:
    report = ["--no-report"] if verb == "run" else []
    smelt = Path(sys.executable).with_name("smelt")
    command = [smelt, verb, f"{folder}/recipe.toml", *report, "--json", "--store", f"{folder}/store"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)
