"""Experts spread over processes: each token is sent to where its expert is, and what that says is sent back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.distributed import ProcessGroup, all_to_all_single
from torch.distributed.nn.functional import all_to_all_single as exchange_rows
from torch.distributed.tensor import DTensor

Each = Callable[[Tensor, Sequence[int]], Tensor]
"""Rows sorted by expert, and how many each expert has, to what the experts say of them."""


class Exchange:
    """Of E experts, E / size lie on each process, in order."""

    def __init__(self, group: ProcessGroup, size: int) -> None:
        self._group, self._size = group, size

    def __call__(self, each: Each, rows: Tensor, counts: Tensor) -> Tensor:
        """What `each` says of rows (n, d) sorted by expert, of which each expert has `counts` (E,)."""
        wanted = torch.empty_like(counts)
        all_to_all_single(wanted, counts, group=self._group)
        by_source = wanted.view(self._size, -1)  # rows that each process sends to each expert here
        sent, received = (x.view(self._size, -1).sum(dim=1).tolist() for x in (counts, wanted))
        given = self._sent(rows, into=received, out_of=sent)
        order = _by_expert(by_source)
        said = each(given[order], by_source.sum(dim=0).tolist())
        return self._sent(said[order.argsort()], into=sent, out_of=received)

    def local(self, stack: Tensor) -> Tensor:
        """The experts that lie here."""
        return stack.to_local() if isinstance(stack, DTensor) else stack

    def _sent(self, rows: Tensor, *, into: list[int], out_of: list[int]) -> Tensor:
        room = rows.new_empty(sum(into), rows.shape[1])
        return exchange_rows(room, rows.contiguous(), into, out_of, group=self._group)


def _by_expert(by_source: Tensor) -> Tensor:
    """The order that puts rows, which come process by process and by expert in each, expert by expert."""
    experts = torch.arange(by_source.shape[1], device=by_source.device).repeat(by_source.shape[0])
    return experts.repeat_interleave(by_source.flatten()).argsort(stable=True)
