"""Mixture of experts: each token takes a few of many SwiGLU branches (Shazeer et al. 2017; Jiang et al. 2024).

    x (n, d) -> router -> probabilities (n, E) -> the top k of each token -> their experts, weighted, summed

No token is dropped: experts take however many come. What the router did lies in `routed` until the next pass, for the
losses that keep it balanced and for statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from smelt.models.config import Experts, ModelConfig
from smelt.models.ffn import SwiGLU


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """What the router of a layer did with n tokens."""

    logits: Tensor
    """(n, E), float32."""
    chosen: Tensor
    """(n, top_k) experts."""

    @property
    def load(self) -> Tensor:
        """Tokens of each expert over all tokens, (E,): they add up to top_k."""
        counts = torch.bincount(self.chosen.flatten(), minlength=self.logits.shape[-1])
        return counts.to(self.logits.dtype) / len(self.chosen)

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
        self.gate_proj = nn.Parameter(torch.empty(n, d_ff, d))
        self.up_proj = nn.Parameter(torch.empty(n, d_ff, d))
        self.down_proj = nn.Parameter(torch.empty(n, d, d_ff))
        self.shared = SwiGLU(config, self.shape.shared * d_ff) if self.shape.shared else None
        self.routed: Routed | None = None

    def forward(self, x: Tensor) -> Tensor:  # (B, T, d_model) -> (B, T, d_model)
        tokens = x.flatten(0, -2)
        logits = self.router(tokens).float()
        weights, chosen = logits.softmax(dim=-1).topk(self.shape.top_k, dim=-1)
        if self.shape.normalised:
            weights = weights / weights.sum(dim=-1, keepdim=True)
        self.routed = Routed(logits, chosen)
        mixed = self._mix(tokens, weights.to(tokens.dtype), chosen).view_as(x)
        return mixed if self.shared is None else mixed + self.shared(x)

    def _mix(self, tokens: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """The weighted sum of each token's experts (n, d): expert by expert, over the tokens that chose it."""
        order = chosen.flatten().argsort(stable=True)
        ends = torch.bincount(chosen.flatten(), minlength=self.shape.n).cumsum(0).tolist()
        mixed, start = torch.zeros_like(tokens), 0
        for expert, end in enumerate(ends):
            if end > start:
                places = order[start:end]
                which = places // self.shape.top_k
                said = self._expert(expert, tokens[which]) * weights.flatten()[places, None]
                mixed = mixed.index_add(0, which, said)
            start = end
        return mixed

    def _expert(self, i: int, x: Tensor) -> Tensor:
        hidden = silu(linear(x, self.gate_proj[i])) * linear(x, self.up_proj[i])
        return linear(hidden, self.down_proj[i])
