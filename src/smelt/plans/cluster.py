"""Whether the cards that a budget names can do what it asks of them."""

from __future__ import annotations

from smelt.errors import InputError
from smelt.plans.budget import Budget
from smelt.plans.shape import STATES, Memory

YEAR = 8_766
"""Hours."""
LIFETIME = 6 * YEAR
"""Hours after which servers are written off: five and a half to six years at Alphabet, Meta and Microsoft (their annual
reports, from memory)."""


def check_cluster(budget: Budget, memory: Memory, hours: float | None) -> None:
    """InputError where the cards cannot hold the model even if all share its states, or would be scrap before its end.

    Cards whose number nobody said are a unit of account, not a cluster: they are not held to it.
    """
    card = budget.card
    if card is None or not (budget.hours is not None or "count" in budget.model_fields_set):
        return
    cluster = f"{budget.count} x {card.name}"
    states = memory.weights_gb + memory.gradients_gb + memory.optimizer_gb
    if memory.least_gpus is None:
        raise InputError(
            where="the budget",
            what=f"names {cluster}, and one sequence of the model takes {memory.activations_gb:,.3g} GB of activations "
            f"on a card of {card.memory_gb:g} GB",
            do="name a larger card, or a shorter --context",
        )
    if memory.least_gpus > budget.count:
        raise InputError(
            where="the budget",
            what=f"names {cluster}, {card.memory_gb * budget.count:,.0f} GB in all, and weights, gradients and "
            f"optimiser states of the model that it should buy take {states:,.0f} GB ({STATES} bytes a parameter)",
            expected=f"at least {memory.least_gpus:,} of them, if all share the states",
            do="name more cards with --count, or a smaller model with --fixed-n",
        )
    if hours is not None and hours > LIFETIME:
        raise InputError(
            where="the budget",
            what=f"keeps {cluster} busy for {hours / YEAR:,.3g} years, longer than they last",
            expected=f"at most {LIFETIME / YEAR:.0f} years",
            do="name more cards with --count, or less compute",
        )
