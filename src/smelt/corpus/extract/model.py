"""The learned extractor as one file of arrays: lexicons, trees of both stages, and where to cut.

main-content.safetensors is trained by `python -m training.extraction` on web_gold; main-content.json beside it says on
what, how, and how good it is. Lexicons are kept in half precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.extract.trees import DEPTH, LEAVES, SPLITS, Trees
from smelt.errors import InputError

Value = TypeVar("Value", bound=np.generic)

MODEL = Path(__file__).parent / "main-content.safetensors"
RECORD = MODEL.with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Cut:
    """Blocks are taken from a probability on: `share` of the page's best cut, the rest of `base`."""

    base: float
    share: float

    def at(self, best: float) -> float:
        """The probability for a page with that best cut (see `best_cut`)."""
        return self.share * best + (1 - self.share) * self.base


@dataclass(frozen=True, slots=True)
class Model:
    """What scores blocks. `first` sees a block's features, `second` the first's probabilities around it too."""

    markup: NDArray[np.float32]
    text: NDArray[np.float32]
    first: Trees
    second: Trees
    first_cut: Cut
    second_cut: Cut


def save_model(path: Path, model: Model) -> None:
    """Writes a model."""
    from safetensors.numpy import save_file

    cuts = np.array([[cut.base, cut.share] for cut in (model.first_cut, model.second_cut)], np.float64)
    arrays = {"markup": model.markup.astype(np.float16), "text": model.text.astype(np.float16), "cuts": cuts}
    for stage in ("first", "second"):
        trees: Trees = getattr(model, stage)
        named = trees._replace(features=trees.features.astype(np.int16))._asdict()  # half as many bytes
        arrays |= {f"{stage}.{name}": array for name, array in named.items()}
    save_file(arrays, path)


def load_model(path: Path = MODEL) -> Model:
    """The model in a file; `InputError` where there is none, or it is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        cuts = [Cut(float(base), float(share)) for base, share in arrays["cuts"]]
        first, second = (_trees(arrays, stage) for stage in ("first", "second"))
        markup, text = (_frozen(arrays[name].astype(np.float32)) for name in ("markup", "text"))
        return Model(markup, text, first, second, *cuts)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            where=str(path),
            what=f"holds no extraction model: {error}",
            expected="the file that comes with smelt",
            do='install smelt again, or extract with mode = "resiliparse"',
        ) from error


@cache
def shipped_model() -> Model:
    """The model that comes with smelt."""
    return load_model()


def _trees(arrays: dict[str, NDArray[np.generic]], stage: str) -> Trees:
    features = np.ascontiguousarray(arrays[f"{stage}.features"], np.int32)
    limits = np.ascontiguousarray(arrays[f"{stage}.limits"], np.float32)
    values = np.ascontiguousarray(arrays[f"{stage}.values"], np.float32)
    n = len(values)
    if features.shape != (n, SPLITS) or limits.shape != (n, SPLITS) or values.shape != (n, LEAVES):
        raise ValueError(f"trees of another depth than {DEPTH}")
    return Trees(_frozen(features), _frozen(limits), _frozen(values))


def _frozen(array: NDArray[Value]) -> NDArray[Value]:
    array.flags.writeable = False
    return array
