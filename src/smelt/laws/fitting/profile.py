"""The profile of each parameter: the least objective at every value of it, all others fitted anew.

    objective
     |  \\                 _/       the 95% interval is where the profile stays under the line:
     |- -\\- - - - - - - _/- -      twice what the objective rises, over its scale, is below the square
     |    \\__       __--           of Student's t
     |       --___--
     +-------|-----|----- alpha

It needs no draws, follows a valley however bent, and says where one has no end: a parameter whose profile never rises
to the line on one side is not bounded on that side by these runs.

The scale. For Gaussian noise twice the rise of the log-likelihood is chi-squared with one degree of freedom. A sum of
Huber losses is no likelihood, but twice its rise over

    c = E psi^2 / E psi'           psi the derivative of the loss of one residual

is chi-squared too (Schrader & Hettmansperger 1980, "Robust analysis of variance based upon a likelihood ratio
criterion"; Heritier & Ronchetti 1994). Squared errors give 2 sigma^2, which is the usual F test; least absolute
deviations give 1 / 2f(0), that of Koenker & Machado 1999. E psi' is the mean slope of psi over a window about each
residual, for at small deltas hardly any residual lies where psi is not flat; c counts n - P degrees of freedom, and t
has as many. All of this takes the residuals for equally noisy, which those of ln L are more nearly than those of L; a
bootstrap does not, and where the two differ much the runs differ in noise or a few of them decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from smelt.laws.fitting.fit import MANY, Fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.fitting.problem import Problem
from smelt.laws.forms import Floats
from smelt.laws.points import Observations

REACH = 25.0
"""How far a parameter is followed: a size or a floor over this many e-folds, 11 decades, any other over this many
times its value. What has not ended there has no end."""
DOUBLINGS = 11
"""Of the step outwards, so that the first is 1/2048 of the reach."""
REFINEMENTS = 8
"""Of an end at most, each by a straight line through the root of the rise, which for a parabola is exact."""
CLOSE = 1e-3
"""An end whose rise is as near to the line is found."""
NODES = 8
"""Of the profile on either side of the optimum."""
SMALLEST = 0.05
"""A parameter below this is followed as if it were this large: zero times anything is no reach."""
BETTER = 1e-4
"""A profile that falls below the optimum by this share of the line means that the fit had not found the optimum."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Of one parameter, as the form holds it: ln A and not A."""

    parameter: str
    values: Floats
    """(nodes,), ascending."""
    rise: Floats
    """(nodes,): likelihood ratio, twice the rise of the objective over its scale."""
    limit: float
    """The likelihood ratio at the ends of the 95% interval."""
    low: float | None
    """Where the interval ends; None where it does not."""
    high: float | None
    better: bool
    """Somewhere the objective is lower than at the optimum that was given."""


def profiles(found: Fit, seen: Observations, *, objective: Objective | None = None) -> list[Profile]:
    """The profile of every parameter that was fitted. All are followed abreast, each from its last node."""
    objective = objective or Objective()
    problem = found.problem(seen, objective)
    fitted = [i for i, name in enumerate(found.form.parameters) if name not in found.form.fixed]
    degrees = len(seen) - len(fitted)
    if degrees < 1:
        return []
    residuals = objective.residuals(problem.y - found.residuals(seen), problem.y)
    scale = rise_scale(objective, residuals, len(fitted))
    if not scale > 0:
        return []  # the runs lie on the form, or nowhere near it
    walk = _Walk(problem, found, scale=scale, limit=float(stdtrit(degrees, 0.975)) ** 2)
    sides = [_Side(parameter, sign, [walk.optimum]) for parameter in fitted for sign in (-1.0, 1.0)]
    walk.outwards(sides)
    walk.refine([side for side in sides if side.bracket])
    walk.fill([side for side in sides if side.bracket])
    return [_profile(found, below, above, walk) for below, above in zip(sides[::2], sides[1::2], strict=True)]


def rise_scale(objective: Objective, residuals: Floats, n_params: int) -> float:
    """c = E psi^2 / E psi' of the residuals of a fit of `n_params` parameters, over n - P degrees of freedom.

    The P smallest residuals are left out of E psi', since a fit by absolute deviations passes through P runs whatever
    the noise (Koenker & Machado 1999). The window is Silverman's, of a robust spread.
    """
    n_runs = len(residuals)
    pull = float(np.sum(objective.psi(residuals) ** 2)) / (n_runs - n_params)
    free = residuals[np.argsort(np.abs(residuals), kind="stable")[n_params:]]
    spread = min(float(np.std(residuals)), float(np.subtract(*np.percentile(residuals, [75, 25]))) / 1.349)
    window = 1.06 * spread * n_runs**-0.2
    if not window > 0:
        return 0.0
    slope = float(np.mean(objective.psi(free + window) - objective.psi(free - window))) / (2 * window)
    return pull / slope if slope > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """The best theta at one value of a parameter, and how far the objective has risen there."""

    rise: float
    theta: Floats


@dataclass(slots=True, eq=False)
class _Side:
    """A profile on one side of the optimum."""

    parameter: int
    sign: float
    nodes: list[_Node]
    """From the optimum outwards."""
    bracket: tuple[_Node, _Node] | None = None
    """The last node under the line and the first above it; None where the profile never reaches it."""

    def value(self, node: _Node) -> float:
        return float(node.theta[self.parameter])


class _Walk:
    """Refits along profiles, all sides at once."""

    def __init__(self, problem: Problem, found: Fit, *, scale: float, limit: float) -> None:
        self.problem, self.found, self.scale, self.limit = problem, found, scale, limit
        self.optimum = _Node(0.0, found.theta)
        self.held = np.stack([problem.direction(parameter) for parameter in range(len(found.theta))])

    def outwards(self, sides: list[_Side]) -> None:
        """Doubles the distance from the optimum until the profile crosses the line, or the reach is walked."""
        for step in 0.5 ** np.arange(DOUBLINGS, -1, -1.0):
            walking = [side for side in sides if side.bracket is None]
            values = [side.value(self.optimum) + side.sign * step * self._reach(side) for side in walking]
            for side, node in zip(walking, self._refit(walking, values), strict=True):
                if node.rise > self.limit:
                    side.bracket = side.nodes[-1], node
                side.nodes.append(node)

    def refine(self, sides: list[_Side]) -> None:
        """Draws the brackets of the ends together."""
        open_ones = sides
        for _ in range(REFINEMENTS):
            values = [self.crossing(side) for side in open_ones]
            nodes = self._refit(open_ones, values)
            for side, node in zip(open_ones, nodes, strict=True):
                side.nodes.append(node)
                if side.bracket is not None:
                    under, above = side.bracket
                    side.bracket = (under, node) if node.rise > self.limit else (node, above)
            far = [abs(node.rise / self.limit - 1) > CLOSE for node in nodes]
            open_ones = [side for side, is_far in zip(open_ones, far, strict=True) if is_far]

    def fill(self, sides: list[_Side]) -> None:
        """Even nodes instead of those of the walk, to a little beyond the end."""
        filled: list[list[_Node]] = [[self.optimum] for _ in sides]
        for share in np.arange(1, NODES + 1) / (NODES - 1):
            centre = [side.value(self.optimum) for side in sides]
            values = [c + share * (self.crossing(side) - c) for c, side in zip(centre, sides, strict=True)]
            for nodes, node in zip(filled, self._refit(sides, values), strict=True):
                nodes.append(node)
        for side, nodes in zip(sides, filled, strict=True):
            side.nodes = nodes

    def crossing(self, side: _Side) -> float:
        """Where the root of the rise, taken as straight within the bracket, crosses the line."""
        assert side.bracket is not None
        under, above = side.bracket
        roots = np.sqrt([max(under.rise, 0.0), self.limit, above.rise])
        share = (roots[1] - roots[0]) / (roots[2] - roots[0]) if np.isfinite(roots[2]) else 0.5
        return side.value(under) + float(share) * (side.value(above) - side.value(under))

    def _reach(self, side: _Side) -> float:
        is_log = self.found.form.parameters[side.parameter].startswith("ln_")
        return REACH * (1.0 if is_log else max(abs(side.value(self.optimum)), SMALLEST))

    def _refit(self, sides: list[_Side], values: list[float]) -> list[_Node]:
        """The best theta of each side at its value, from the nodes about it."""
        if not sides:
            return []
        starts = [self._starts(side, value) for side, value in zip(sides, values, strict=True)]
        held = np.repeat(self.held[[side.parameter for side in sides]], [len(some) for some in starts], axis=0)
        thetas, reached = self.problem.solve(np.concatenate(starts), held=held)
        with np.errstate(over="ignore"):  # a start far out stays there
            rises = 2 * (np.nan_to_num(reached, nan=np.inf) - self.found.objective) / self.scale
        cuts = np.cumsum([len(some) for some in starts])[:-1]
        pairs = zip(np.split(thetas, cuts), np.split(rises, cuts), strict=True)
        return [_Node(float(rise.min()), theta[rise.argmin()]) for theta, rise in pairs]

    def _starts(self, side: _Side, value: float) -> Floats:
        """The optimum, the nearest node, and the line through the two nearest, each moved to the value.

        Each alone gets stuck at a kink now and then (of 6,800 nodes, three without the optimum); many runs make none.
        """
        near = sorted(side.nodes, key=lambda node: abs(side.value(node) - value))[:2]
        from_here = [self.found.theta]
        if len(near) == 2 and side.value(near[0]) != side.value(near[1]):
            share = (value - side.value(near[0])) / (side.value(near[1]) - side.value(near[0]))
            from_here.append(near[0].theta + share * (near[1].theta - near[0].theta))
            from_here.append(near[0].theta)
        some = from_here if len(self.problem) <= MANY else from_here[1:2] or from_here
        return np.stack([self.problem.moved(theta, side.parameter, value) for theta in some])


def _profile(found: Fit, below: _Side, above: _Side, walk: _Walk) -> Profile:
    nodes = [*reversed(below.nodes[1:]), *above.nodes]
    return Profile(
        parameter=found.form.parameters[below.parameter],
        values=np.array([below.value(node) for node in nodes]),
        rise=np.array([node.rise for node in nodes]),
        limit=walk.limit,
        low=walk.crossing(below) if below.bracket else None,
        high=walk.crossing(above) if above.bracket else None,
        better=any(node.rise < -BETTER * walk.limit for node in nodes),
    )
