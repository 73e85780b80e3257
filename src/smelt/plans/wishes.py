"""What a plan should heed besides the budget: one home for each knob, shared by the step and the command."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from smelt.errors import InputError
from smelt.plans.budget import Budget
from smelt.units import Count


class Wishes(BaseModel):
    """All may be absent: then the plan is the compute-optimal one."""

    model_config = ConfigDict(frozen=True)

    unique_tokens: Count | None = Field(None, gt=0)
    """Tokens of training data there will be; by default those that the law's runs had. Where the plan wants more, each
    repeat counts for less (Muennighoff et al. 2023)."""
    inference_tokens: Count | None = Field(None, gt=0)
    """Tokens that the model will read and write in use: 2N FLOPs each, counted with training (Sardana et al. 2023)."""
    fixed_n: Count | None = Field(None, gt=0)
    """Parameters, if they are settled."""
    fixed_d: Count | None = Field(None, gt=0)
    """Training tokens, if they are settled."""
    target_loss: float | None = Field(None, gt=0)
    """Nats a token to reach at the least cost; then there is no budget."""
    vocab: int | None = Field(None, ge=2)
    """Token ids of the concrete shape."""
    context: int | None = Field(None, ge=8)
    """Tokens it reads at once."""

    @property
    def is_plain(self) -> bool:
        """Nothing but the budget decides N and D."""
        asked = (self.inference_tokens, self.fixed_n, self.fixed_d, self.target_loss)
        return all(value is None for value in asked)


def check_goal(budget: Budget, wishes: Wishes) -> None:
    """InputError unless budget and wishes leave exactly one plan."""
    both = wishes.fixed_n is not None and wishes.fixed_d is not None
    goals = [not budget.is_open, wishes.target_loss is not None, both]
    if sum(goals) == 1:
        return
    raise InputError(
        where="the plan",
        what="has nothing to spend and nothing to reach" if not any(goals) else "is asked for more than one goal",
        expected="one of: a budget (FLOPs; cards and hours; or money), a target loss, or both a fixed N and a fixed D",
    )
