"""python -m training.extraction FOLDER OUT [--held-out]     FOLDER: web_gold; OUT: a .safetensors file

Trains on all pages, or with --held-out on those of the hosts that are not held out, which is what figures are made with.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from smelt.corpus.extract.blocks import Blocks
from smelt.corpus.extract.model import save_model
from training.extraction.fit import fit
from training.extraction.gold import gold_pages
from training.extraction.pages import read_page


def main() -> None:
    """Trains and writes."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    started, blocks = time.time(), Blocks()
    pages = [read_page(page, blocks) for page in gold_pages(folder)]
    print(f"{len(pages)} pages in blocks, best choice {np.mean([page.oracle for page in pages]):.4f}, {time.time() - started:.0f} s", flush=True)
    if "--held-out" in sys.argv:
        pages = [page for page in pages if not page.gold.is_held_out]
    fitted = fit(pages, both_out_of_fold="--held-out" in sys.argv)
    save_model(out, fitted.model)
    out.with_suffix(".cuts.json").write_text(json.dumps(fitted.f1, indent=1))
    print({stage: max((value, cut) for cut, value in scores.items()) for stage, scores in fitted.f1.items()})
    print(f"{time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
