"""The planted law with all that a fit may add to it: held-out runs, profiles, influence. For figures of these."""

from __future__ import annotations

from dataclasses import replace

from planted_runs import planted_law
from smelt.laws.findings import Dropping, HeldOut, Identifiability, Influence, Interval, Predicted
from smelt.laws.law import ScalingLaw

HELD_OUT = HeldOut(
    flops=5e11,
    n=2,
    parametric=0.02,
    isoflop_loss=None,
    isoflop_n_opt=None,
    runs=[
        Predicted(run="a", n_params=1e4, n_tokens=1e6, loss_nats=5.0, predicted=Interval(mid=5.1, low=4.9, high=5.3)),
        Predicted(run="b", n_params=2e4, n_tokens=1e6, loss_nats=4.0, predicted=Interval(mid=4.1)),
    ],
    covered=0.5,
)


def examined_law() -> ScalingLaw:
    """The planted law with all that a fit may add to it."""
    findings = planted_law().findings
    profile = Identifiability(
        values=[0.1, 0.2, 0.3], rise=[4.0, 0.0, 2.0], limit=3.8, low=0.11, high=None, verdict="alpha has no upper end"
    )
    added = {
        "identifiability": {"alpha": profile},
        "influence": [Influence(run="<b>run</b>", residual=0.01, change={"a": 0.02, "E": -0.1}, errors=1.4)],
        "dropping": [
            Dropping(by="loss", runs=["x", "y"], params={}, exponent=[0.5, 0.48, 0.44], errors=[0.0, 0.8, 2.4])
        ],
    }
    assert findings.parametric is not None
    fitted = findings.parametric.model_copy(update=added)
    return replace(planted_law(), findings=findings.model_copy(update={"parametric": fitted, "held_out": HELD_OUT}))
