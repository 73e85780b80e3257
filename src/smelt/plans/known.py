"""How far a known model was from its optimum: the loss it lost, and the compute that its loss needed."""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Iterable
from importlib import resources

from pydantic import BaseModel, ConfigDict

from smelt.errors import InputError
from smelt.laws.findings import Interval
from smelt.laws.law import ScalingLaw
from smelt.plans.optimum import allocate
from smelt.plans.surface import Surface, cheapest
from smelt.units import format_count


class KnownModel(BaseModel):
    """A row of known.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    n_params: float
    n_tokens: float
    source: str

    @property
    def flops(self) -> float:
        """6ND."""
        return 6 * self.n_params * self.n_tokens


class Verdict(BaseModel):
    """A known model against what the law would have made of its compute."""

    model_config = ConfigDict(frozen=True)

    model: KnownModel
    flops: float
    n_params: Interval
    """It should have had."""
    n_tokens: Interval
    loss_nats: float | None
    """Of the model as it was, by the law; null, as the three below, for a law of optima alone."""
    best_loss_nats: float | None
    loss_lost: float | None
    flops_needed: float | None
    """Of the cheapest model with the same loss."""
    flops_wasted: float | None
    """Share of its compute above that."""

    def in_words(self) -> str:
        """In a few lines."""
        model = self.model
        said = (
            f"{model.name}: {format_count(model.n_params)} parameters on {format_count(model.n_tokens)} tokens, "
            f"{self.flops:.3g} FLOPs as 6ND ({model.source}).\n"
            f"For that compute the law takes {self.n_params.in_words()} parameters "
            f"on {self.n_tokens.in_words()} tokens."
        )
        if self.loss_nats is None or self.best_loss_nats is None:
            return f"{said}\nIt is a line through optima: what the difference costs it cannot say."
        return (
            f"{said}\nLoss {self.loss_nats:.3f} nats against {self.best_loss_nats:.3f} at the optimum: "
            f"{self.loss_lost:.3f} lost. The same loss costs {self.flops_needed:.3g} FLOPs at best: "
            f"{self.flops_wasted:.1%} of the training compute was more than needed. A smaller model is cheaper to use, "
            "which this leaves out."
        )


@functools.cache
def known_models() -> dict[str, KnownModel]:
    """By short name."""
    text = resources.files("smelt.plans").joinpath("known.toml").read_text()
    return {name: KnownModel.model_validate(row) for name, row in tomllib.loads(text).items()}


def against(law: ScalingLaw, name: str) -> Verdict:
    """The verdict of a law on a model; InputError, with the nearest name, where nobody knows it."""
    model = known_models().get(name.lower())
    if model is None:
        close = difflib.get_close_matches(name.lower(), known_models(), n=1, cutoff=0.4)
        raise InputError(
            where="--against",
            what=f"there is no model {name!r}",
            expected=f"one of {', '.join(known_models())}",
            do=f"Did you mean {close[0]}?" if close else None,
        )
    best = allocate(law, model.flops)
    loss = needed = None
    if law.findings.parametric is not None:
        surface = Surface.of(law)
        loss = float(surface.loss(float(law.overhead.size(model.n_params)), model.n_tokens))
        n, d = cheapest(surface, loss=loss, use=0, size=None)
        needed = 6 * n * d
    best_loss = best.loss_nats.mid if best.loss_nats else None
    return Verdict(
        model=model,
        flops=model.flops,
        n_params=best.n_params,
        n_tokens=best.n_tokens,
        loss_nats=loss,
        best_loss_nats=None if loss is None else best_loss,
        loss_lost=None if loss is None or best_loss is None else loss - best_loss,
        flops_needed=needed,
        flops_wasted=None if needed is None else 1 - needed / model.flops,
    )


def around(flops: float, *, decades: int = 2) -> list[float]:
    """Budgets half a decade apart, `decades` either side of one."""
    return [flops * 10 ** (step / 2) for step in range(-2 * decades, 2 * decades + 1)]


def sweep(law: ScalingLaw, budgets: Iterable[float]) -> list[dict[str, float | None]]:
    """The optimum of each of the budgets, in FLOPs."""
    rows: list[dict[str, float | None]] = []
    for budget in budgets:
        found = allocate(law, budget)
        n, d = found.n_params.mid, found.n_tokens.mid
        loss = found.loss_nats.mid if found.loss_nats else None
        rows.append({"flops": budget, "n_params": n, "n_tokens": d, "tokens_per_param": d / n, "loss_nats": loss})
    return rows
