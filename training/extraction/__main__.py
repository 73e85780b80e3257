"""python -m training.extraction WEB_GOLD [--out FOLDER]

Trains the learned extractor and writes `main-content.safetensors` and its record `main-content.json` (by default into
the package), beside a model of four fifths of the hosts, `held-out.safetensors` (into build/extraction, for figures).

1. Four fifths of the hosts: where to cut is chosen by cross-validation over three folds of hosts.
2. The fifth that is left is extracted with that model: this is what the record says of how good it is.
3. All pages: the model that is shipped, with the cuts of 1. No figure of it can be had from these pages.

About half an hour of CPU time. The same pages give the same files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from smelt.core.shards import file_digest
from smelt.corpus.extract.blocks import Blocks
from smelt.corpus.extract.columns import FEATURES
from smelt.corpus.extract.context import CONTEXT
from smelt.corpus.extract.learned import Extractor
from smelt.corpus.extract.model import MODEL, Model, load_model, save_model
from training.extraction.fit import ROUNDS, SETTINGS, Fitted, fit
from training.extraction.gold import FOLDS, GOLD, HELD_OUT, GoldPage, gold_pages, word_f1
from training.extraction.pages import ReadPage, read_page

HELD_OUT_MODEL = Path(__file__).parents[2] / "build/extraction/held-out.safetensors"


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(prog="python -m training.extraction")
    parser.add_argument("folder", type=Path, help="the folder of web_gold")
    parser.add_argument("--out", type=Path, default=MODEL.parent, help="where the model goes: the package")
    given = parser.parse_args()
    pages = read_pages(given.folder)
    judged = fit_judged(pages)
    final = fit(pages, both_out_of_fold=False).model
    final = replace(final, first_cut=judged.model.first_cut, second_cut=judged.model.second_cut)
    path = given.out / MODEL.name
    save_model(path, final)
    record = {**describe(given.folder, pages, judged), "bytes": path.stat().st_size, "xxh3": file_digest(path)}
    path.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["held_out"], indent=1))


def read_pages(folder: Path) -> list[ReadPage]:
    """All gold pages, in blocks."""
    blocks = Blocks()
    return [read_page(page, blocks) for page in gold_pages(folder)]


def fit_judged(pages: Sequence[ReadPage]) -> Fitted:
    """The model of the hosts that are not held out, written to HELD_OUT_MODEL."""
    fitted = fit([page for page in pages if not page.gold.is_held_out], both_out_of_fold=True)
    HELD_OUT_MODEL.parent.mkdir(parents=True, exist_ok=True)
    save_model(HELD_OUT_MODEL, fitted.model)
    return fitted


def describe(folder: Path, pages: Sequence[ReadPage], judged: Fitted) -> dict[str, Any]:
    """The training record."""
    held_out = [page.gold for page in pages if page.gold.is_held_out]
    model = load_model(HELD_OUT_MODEL)
    return {
        "command": f"python -m training.extraction {folder.name}",
        "data": {"file": GOLD, "xxh3": file_digest(folder / GOLD), "pages": len(pages), "licence": "CC-BY-4.0 (WCXB)"},
        "trained_on": "all pages; figures are of a model without the hosts that are held out",
        "held_out_hosts": f"sha1(host) % {HELD_OUT} == 0",
        "folds": f"md5(host) % {FOLDS}, over the rest",
        "versions": {"lightgbm": lightgbm.__version__, "numpy": np.__version__},
        "settings": {**SETTINGS, "rounds": ROUNDS},
        "features": {"first": len(FEATURES), "second": len(FEATURES) + len(CONTEXT)},
        "best_choice_of_blocks_f1": round(float(np.mean([page.oracle for page in pages])), 4),
        "cuts": {"fast": asdict(judged.model.first_cut), "best": asdict(judged.model.second_cut)},
        "cross_validated_f1": {stage: round(max(scores.values()), 4) for stage, scores in judged.f1.items()},
        "held_out": {"pages": len(held_out), **{mode: scores(model, held_out, mode) for mode in ("best", "fast")}},
    }


def scores(model: Model, pages: Sequence[GoldPage], mode: str) -> dict[str, Any]:
    """Word F1 over pages, its standard error, and by type; without payloads."""
    extractor = Extractor(model, fast=mode == "fast")
    found = np.array([word_f1(str(extractor.main_text(page.html)), page.text) for page in pages])
    types = np.array([page.page_type for page in pages])
    by_type = {str(kind): round(float(found[types == kind].mean()), 4) for kind in np.unique(types)}
    return {
        "f1": round(float(found.mean()), 4),
        "standard_error": round(float(found.std() / len(found) ** 0.5), 4),
        "by_type": by_type,
    }


if __name__ == "__main__":
    main()
