"""From scores to tokens: the best continuation that a search of some width finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(slots=True)
class _Found:
    """Of one row, the best that have ended, by score: at most as many as the beam is wide."""

    width: int
    is_over: bool = False
    """Nothing more is added."""
    ended: list[tuple[float, list[int]]] = field(default_factory=list[tuple[float, list[int]]])

    def add(self, score: float, ids: list[int]) -> None:
        if self.is_over:
            return
        self.ended = sorted([*self.ended, (score, ids)], key=lambda pair: -pair[0])[: self.width]

    def close(self, hope: float) -> bool:
        """Whether it is over: nothing that is still written, at best of score `hope`, would be among them.

        One beam is greedy, and ends where it ends.
        """
        is_full = len(self.ended) == self.width
        self.is_over = self.is_over or (is_full and (self.width == 1 or self.ended[-1][0] >= hope))
        return self.is_over


@torch.no_grad()
def beam_search(
    scores_of: Callable[[Tensor], Tensor], n_rows: int, *, end: int, beams: int, most: int, length_power: float = 1.0
) -> list[list[int]]:
    """What is written for each of some rows, the start and the end left out.

    `scores_of` gives the logits (rows * beams, vocab) of what follows the tokens written so far (rows * beams, T), the
    first of which is `end`. The best beginnings are kept at each step; of what has ended, the best is that with the
    most log-likelihood over its length to `length_power` (Wu et al. 2016, equation 14, without its constants).
    """
    written = torch.full((n_rows * beams, 1), end)
    scores = torch.full((n_rows, beams), -torch.inf)
    scores[:, 0] = 0.0  # all beams of a row begin alike: one is enough
    found = [_Found(beams) for _ in range(n_rows)]
    for length in range(1, most + 1):
        log_p = torch.log_softmax(scores_of(written).float(), dim=-1)
        vocab = log_p.shape[-1]
        both = (scores[..., None] + log_p.view(n_rows, beams, vocab)).flatten(1)
        best, place = both.topk(2 * beams, dim=1)  # at most half of them end here
        beam, token = place // vocab, place % vocab
        ends = token == end
        for row in range(n_rows):
            for i in (ends[row, :beams] if length < most else torch.ones(beams)).nonzero().flatten().tolist():
                ids = written[row * beams + int(beam[row, i]), 1:].tolist()
                ids = ids if bool(ends[row, i]) else [*ids, int(token[row, i])]
                found[row].add(float(best[row, i]) / length**length_power, ids)
        going = best.masked_fill(ends, -torch.inf)
        scores, kept = going.topk(beams, dim=1)
        parent = beam.gather(1, kept) + torch.arange(n_rows)[:, None] * beams
        written = torch.cat((written[parent.flatten()], token.gather(1, kept).view(-1, 1)), dim=1)
        hope = (scores[:, 0] / length**length_power).tolist()
        over = [one.close(best) for one, best in zip(found, hope, strict=True)]  # each is asked
        if all(over):
            break
    return [one.ended[0][1] for one in found]
