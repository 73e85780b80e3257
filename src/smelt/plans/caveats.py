"""What to know before spending a plan's budget, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from smelt.laws.findings import METHOD_NAMES, IsoFlop
from smelt.laws.forms.repeated import MANY_EPOCHS
from smelt.laws.law import ScalingLaw, is_misled
from smelt.plans.budget import Budget
from smelt.plans.cluster import YEAR
from smelt.plans.hyperparameters import Hyperparameters
from smelt.plans.optimum import ORDINARY, Allocation
from smelt.plans.shape import Memory
from smelt.plans.wishes import Wishes
from smelt.units import format_count

CHINCHILLA, LLAMA_3 = 190, 3800
"""How far above their IsoFLOP curves published plans lay: 3e21 to 5.76e23 FLOPs, and 1e22 to 3.8e25."""
WIDE = 3
"""An interval of N* whose ends differ by more than this factor decides little."""


def times(factor: float) -> str:
    """A factor for people: "1.8 million times", "3,800 times", "4.2 times"."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if factor >= size:
            return f"{factor / size:.3g} {word} times"
    return f"{factor:,.0f} times" if factor >= 10 else f"{factor:.2g} times"


def caveats(
    law: ScalingLaw,
    allocation: Allocation,
    *,
    budget: Budget,
    chosen: Hyperparameters,
    wishes: Wishes,
    hours: float | None,
    memory: Memory,
) -> list[str]:
    """All caveats of a plan, the gravest kind first, then the law's own warnings."""
    return [
        *_about_distance(law, allocation),
        *_about_methods(law, allocation),
        *_about_loss(law, allocation),
        *_about_size(allocation),
        *_about_cluster(budget, hours, memory),
        *_about_data(allocation.n_tokens.mid, wishes.unique_tokens or law.findings.data.unique_tokens),
        *_about_hyperparameters(chosen),
        *law.warnings,
    ]


def _about_distance(law: ScalingLaw, allocation: Allocation) -> Iterator[str]:
    """How far beyond the runs the budget lies."""
    beyond = allocation.beyond
    if beyond <= 1:
        return
    said = f"The budget is {times(beyond)} the largest run of the law ({law.findings.data.flops.greatest:.2g} FLOPs)"
    published = f"Chinchilla's plan lay {CHINCHILLA} times beyond its runs, Llama 3's {LLAMA_3:,} times"
    if beyond <= ORDINARY:
        yield f"{said}: an ordinary extrapolation."
    elif beyond <= LLAMA_3:
        yield f"{said}: a long one ({published}). A larger budget on the ladder would shorten it."
    else:
        yield (
            f"{said}: farther than any published plan ({published}). Take N and D as a direction, not as figures: "
            "their intervals assume that the lines stay straight all the way."
        )


def _about_methods(law: ScalingLaw, allocation: Allocation) -> Iterator[str]:
    """Which method is followed and why, and what the others say."""
    isoflop = law.findings.isoflop
    followed = METHOD_NAMES[allocation.method]
    if law.findings.published is not None:
        yield "The law was fitted by others on other data; N* carries over roughly, losses hardly."
        return
    if allocation.method == "isoflop" and isoflop is not None and isoflop.usable:
        count = sum(minimum.in_line for minimum in isoflop.budgets)
        yield f"N and D follow the parabolas, which have {count} minima inside their budgets and clear of noise."
    elif allocation.method == "parametric" and law.findings.parametric and law.findings.parametric.usable:
        yield f"N and D follow the parametric form: {_why_form(isoflop)}."
    elif allocation.method in ("akima", "envelope"):
        yield f"N and D follow the {followed}, as the law was told to or for want of a better."
    else:
        yield f"No method is to be trusted on these runs; N and D follow the {followed} for want of a better."
    if len(allocation.optima) > 1:
        yield _comparison(allocation)


def _why_form(isoflop: IsoFlop | None) -> str:
    """Why it is followed and not the parabolas."""
    if isoflop is None or not isoflop.usable:
        return "too few parabolas have a minimum to be trusted"
    if isoflop.bias is None or not is_misled(isoflop):
        return "the law was told to"
    if isoflop.cubic:
        return "it fits the runs as well as curves do, which lean so that parabolas would mislead"
    return (
        "it fits the runs as well as parabolas do, and says that through these sizes they put N* at "
        f"{isoflop.bias.factor:.3g} x the true one"
    )


def _about_loss(law: ScalingLaw, allocation: Allocation) -> Iterator[str]:
    """What the expected loss stands on."""
    if allocation.beyond <= ORDINARY or allocation.loss_nats is None:
        return
    parametric = law.findings.parametric
    if "parametric" not in allocation.optima or parametric is None:
        yield "The expected loss follows a power law without a floor: the real loss will be higher."
    elif not parametric.usable:
        yield "The expected loss is a guess: these runs do not identify the floor that it approaches."


def _about_size(allocation: Allocation) -> Iterator[str]:
    """Whether N is known well enough."""
    low, high = allocation.n_params.low, allocation.n_params.high
    if low is not None and high is not None and high > WIDE * low:
        yield f"The best size is known only to within a factor of {high / low:.2g}: {allocation.n_params.in_words()}."


def _about_cluster(budget: Budget, hours: float | None, memory: Memory) -> Iterator[str]:
    """Whether a card holds the model alone and ends within a year; and what its speed stands on."""
    card = budget.card
    if card is None:
        return
    if memory.least_gpus is None or memory.least_gpus > budget.count:
        needed = "no number of them holds" if memory.least_gpus is None else f"it takes {memory.least_gpus:,} to hold"
        yield f"Hours are reckoned for {budget.count} x {card.name}, and {needed} this model's states and activations."
    if hours is not None and hours > YEAR:
        yield f"{budget.count} x {card.name} would train for {hours / YEAR:,.3g} years: more cards, or less compute."
    if budget.mfu is None:
        found = card.utilisation(budget.precision)
        yield f"Hours assume that {found.value:.0%} of the peak becomes model FLOPs: {found.source}."
    if budget.precision == "fp8":
        yield "Laws were fitted on bf16 and float32: that fp8 reaches the same loss is an assumption."


def _about_data(n_tokens: float, unique_tokens: float | None) -> Iterator[str]:
    """Whether there are tokens enough."""
    if unique_tokens is None:
        return
    epochs = n_tokens / unique_tokens
    if epochs > MANY_EPOCHS:
        yield (
            f"The plan wants {format_count(n_tokens)} tokens and {format_count(unique_tokens)} are at hand: "
            f"{format_count(epochs)} epochs. Beyond {MANY_EPOCHS} a token is worth ever less, and how much less "
            "is poorly known (Muennighoff et al. 2023): gather more data, or train a smaller model for less."
        )


def _about_hyperparameters(chosen: Hyperparameters) -> Iterator[str]:
    """Whether the batch and learning rate are more than a starting point."""
    if not chosen.in_range:
        yield f"Batch and learning rate follow {chosen.rule}, outside the sizes it was measured on: tune them."


def _comparison(allocation: Allocation) -> str:
    said = "; by ".join(
        f"{METHOD_NAMES[method]} {optimum.n_params.in_words()}" for method, optimum in allocation.optima.items()
    )
    if allocation.agree:
        return (
            f"The methods differ by a factor of {allocation.factor:.3g} in size, which their intervals allow: best by "
            f"{said} parameters."
        )
    return (
        f"The methods disagree beyond their intervals, by a factor of {allocation.factor:.2g} in size: by {said} "
        "parameters. Until more runs settle it, neither should be spent on."
    )
