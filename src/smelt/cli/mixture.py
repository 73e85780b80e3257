"""`fit --share`: the law of mixtures of domains, from runs on different mixtures."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

import polars as pl

from smelt.cli.asked import check_known
from smelt.core.shards import write_whole
from smelt.errors import InputError
from smelt.laws.mixtures.fit import fit_mixture
from smelt.laws.mixtures.law import BestMixture, LossLaw, Method, MixtureLaw
from smelt.laws.tables.expressions import matches

MIXTURE_FILE = "mixture.json"
NOTHING = 5e-4
"""A share below is none, at the digits printed."""


def fit_mixtures(
    frame: pl.DataFrame,
    *,
    name: str,
    form: str,
    share: Sequence[str],
    loss: Sequence[str],
    where: str | None,
    draws: int | None,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Prints the law of each loss by the shares, and the best mixture for all losses alike."""
    check_known(form, get_args(Method), option="--form, with --share")
    method: Method = next(known for known in get_args(Method) if known == form)
    if not loss:
        raise InputError(where="--loss", what="is not given", expected="the columns of losses, each by a --loss")
    shares, losses = columns_like(share, frame, option="--share"), columns_like(loss, frame, option="--loss")
    used = frame if where is None else frame.filter(matches(frame, where, option="--where"))
    law = fit_mixture(used, shares=shares, losses=losses, method=method, draws=draws, seed=seed)
    best = law.best(seed=seed)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        with write_whole(output / MIXTURE_FILE) as path:
            path.write_text(law.to_json(), encoding="utf-8")
    if as_json:
        print(json.dumps(answer(law, best, output=output), indent=1))
        return
    print(*in_words(law, best, name=name, n_rows=frame.height), sep="\n")


def columns_like(names: Sequence[str], frame: pl.DataFrame, *, option: str) -> list[str]:
    """Columns of these names or patterns, `train_*`; several may stand in one, a comma between them.

    InputError names one that is none.
    """
    found: dict[str, None] = {}
    for name in (part.strip() for text in names for part in ([text] if text in frame.columns else text.split(","))):
        some = [name] if name in frame.columns else fnmatch.filter(frame.columns, name)
        if not some:
            check_known(name, frame.columns, option=option)
        found |= dict.fromkeys(some)
    return list(found)


def answer(law: MixtureLaw, best: BestMixture, *, output: Path | None) -> dict[str, object]:
    """The JSON of `fit --share ... --json`: the law without its runs and draws, and the best mixture."""
    kept = law.model_dump(
        mode="json", exclude={"losses": {"__all__": {"draws", "trees"}}, "shares": True, "observed": True}
    )
    written = [] if output is None else [str(output / MIXTURE_FILE)]
    return {**kept, "best": best.model_dump(mode="json"), "written": written}


def in_words(law: MixtureLaw, best: BestMixture, *, name: str, n_rows: int) -> Iterator[str]:
    """A page of text: each loss's law and how it does on runs left out, the best mixture, what to doubt."""
    yield f"{name}: {law.n_runs:,} of {n_rows:,} rows, {len(law.domains)} domains"
    yield f"  {law.formula}  ({law.source})"
    for loss, found in law.losses.items():
        yield ""
        yield from _loss_in_words(loss, found)
    yield f"\nBest mixture for {_weights(best.weights)}, no share beyond the greatest of any run"
    for domain, share in best.shares.items():
        if share.mid >= NOTHING:
            yield f"  {domain:<30} {share.in_words(_three)}"
    yield f"  loss {best.loss.in_words(_four)}; the best run's (row {best.best_run.row}) {best.best_run.loss:.4f}"
    if warnings := [*law.warnings, *best.warnings]:
        yield "\nWarnings"
        yield from (f"  - {warning}" for warning in warnings)


def _loss_in_words(loss: str, found: LossLaw) -> Iterator[str]:
    held = found.held_out
    error = (
        ""
        if held is None
        else (
            f": {held.mean_rel_err:.2%} off on runs left out ({held.folds} folds), rank correlation {held.spearman:.3f}"
        )
    )
    yield f"{loss}{error}"
    for name, estimate in found.params.items():
        yield f"  {name:<30} {estimate.interval.in_words(_four)}"


def _weights(weights: Mapping[str, float]) -> str:
    return next(iter(weights)) if len(weights) == 1 else f"the mean of {len(weights)} losses"


def _three(value: float) -> str:
    return f"{value:.3f}"


def _four(value: float) -> str:
    return f"{value:.4g}"
