"""Mixture of experts: each token takes a few of many SwiGLU branches (Shazeer et al. 2017; Jiang et al. 2024).

    x (n, d) -> router -> probabilities (n, E) -> the top k of each token -> their experts, weighted, summed

Experts take however many come, or, of a sequence, as many as their capacity is (Fedus et al. 2021): what comes later is
dropped, and counted. What the router did lies in `routed` until the next pass, for the losses that keep it balanced and
for statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, one_hot

from smelt.models.architecture import Experts
from smelt.models.config import ModelConfig
from smelt.models.ffn import ACTIVATIONS, build_dense, gated


class Exchange(Protocol):
    """Experts on several processes."""

    def __call__(self, each: Callable[[Tensor, Sequence[int]], Tensor], rows: Tensor, counts: Tensor) -> Tensor:
        """What all experts say of rows (n, d) sorted by expert, of which each has `counts` (E,), by the function of
        those that are here."""
        ...

    def local(self, stack: Tensor) -> Tensor:
        """What of a stack of experts is here."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """What the router of a layer did with n tokens."""

    logits: Tensor
    """(n, E), float32."""
    chosen: Tensor
    """(n, top_k) experts."""
    kept: Tensor | None = None
    """(n, top_k), false where the expert chosen was full; none where experts have no capacity."""

    @property
    def dropped(self) -> Tensor:
        """Share of choices that their expert had no room for."""
        return self.logits.new_zeros(()) if self.kept is None else 1 - self.kept.to(self.logits.dtype).mean()

    @property
    def load(self) -> Tensor:
        """Tokens of each expert over all tokens, (E,): they add up to top_k."""
        counts = torch.bincount(self.chosen.flatten(), minlength=self.logits.shape[-1])
        return counts.to(self.logits.dtype) / len(self.chosen)

    def statistics(self) -> dict[str, float]:
        """The least and the most that an expert has over what each would have were all alike, and what was dropped."""
        even = self.chosen.shape[1] / self.logits.shape[1]
        least, most = float(self.load.min()) / even, float(self.load.max()) / even
        return {"least_load": least, "most_load": most, "dropped": float(self.dropped)}

    def balance_loss(self) -> Tensor:
        """E times the sum of load and mean probability of each expert: top_k where all are alike.

        Switch's (Fedus et al. 2021, equation 4), for k experts a token as Mixtral counts it.
        """
        probabilities = self.logits.softmax(dim=-1).mean(dim=0)
        return self.logits.shape[-1] * (self.load * probabilities).sum()

    def z_loss(self) -> Tensor:
        """Mean square of the log-sum-exp of the logits (Zoph et al. 2022, equation 5): keeps them from growing."""
        return self.logits.logsumexp(dim=-1).square().mean()


class MixtureOfExperts(nn.Module):
    """In the place of a feed-forward branch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.experts is not None
        self.shape: Experts = config.experts
        n, d, d_ff = self.shape.n, config.d_model, config.d_ff
        self.router = nn.Linear(d, n, bias=False)
        self.gate_proj = nn.Parameter(torch.empty(n, d_ff, d)) if config.is_gated else None
        self.up_proj = nn.Parameter(torch.empty(n, d_ff, d))
        self.down_proj = nn.Parameter(torch.empty(n, d, d_ff))
        self.activation = ACTIVATIONS[config.feed_forward]
        self.shared = build_dense(config, self.shape.shared * d_ff) if self.shape.shared else None
        self.routed: Routed | None = None
        self.exchange: Exchange | None = None
        """Sends rows to experts on other processes; none where all are here."""

    def forward(self, x: Tensor) -> Tensor:  # (B, T, d_model) -> (B, T, d_model)
        tokens = x.flatten(0, -2)
        logits = self.router(tokens).float()
        weights, chosen = logits.softmax(dim=-1).topk(self.shape.top_k, dim=-1)
        if self.shape.normalised:
            weights = weights / weights.sum(dim=-1, keepdim=True)
        kept = None if self.shape.capacity is None else _within(chosen, x.shape[-2], self.shape)
        self.routed = Routed(logits, chosen, kept)
        weights = weights if kept is None else weights * kept
        mixed = self._mix(tokens, weights.to(tokens.dtype), chosen).view_as(x)
        return mixed if self.shared is None else mixed + self.shared(x)

    def _mix(self, tokens: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """The weighted sum of each token's experts (n, d): expert by expert, over the tokens that chose it."""
        order = chosen.flatten().argsort(stable=True)
        which, counts = order // self.shape.top_k, torch.bincount(chosen.flatten(), minlength=self.shape.n)
        if self.exchange is None:
            said = self._each(tokens[which], counts.tolist())
        else:
            said = self.exchange(self._each, tokens[which], counts)
        said = said * weights.flatten()[order, None]
        return said.new_zeros(tokens.shape).index_add(0, which, said)

    def _each(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """What the experts here say of rows (n, d) sorted by expert."""
        up, down = self._here(self.up_proj), self._here(self.down_proj)
        gate = None if self.gate_proj is None else self._here(self.gate_proj)
        said: list[Tensor] = []
        for i, x in enumerate(rows.split(list(counts))):
            wide = linear(x, up[i])
            hidden = self.activation(wide) if gate is None else gated(self.activation, linear(x, gate[i]), wide)
            said.append(linear(hidden, down[i]))
        return torch.cat(said)

    def _here(self, stack: Tensor) -> Tensor:
        return stack if self.exchange is None else self.exchange.local(stack)


def _within(chosen: Tensor, length: int, experts: Experts) -> Tensor:
    """Which choices (n, top_k) of sequences of a length are among the first that their expert has room for."""
    asked = one_hot(chosen, experts.n).unflatten(0, (-1, length))  # (B, T, top_k, E)
    place = asked.flatten(1, 2).cumsum(dim=1).view_as(asked)
    assert experts.capacity is not None
    return ((place <= experts.capacity) & (asked > 0)).any(dim=-1).flatten(0, 1)
