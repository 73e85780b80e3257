"""Which keys a query may see: one predicate, written once, for whatever computes attention.

    causal      none that comes later              window    none that is further away
    padding     none that is not there             documents none of another document (Longformer and packed texts)
    prefix      of a causal one, what is read before anything is written is seen whole

`sees` takes indices that broadcast, so it makes a dense mask for `scaled_dot_product_attention`, and of single indices
is what FlexAttention calls a `mask_mod`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """What is seen, of B rows with T queries and S keys."""

    is_causal: bool = False
    window: int | None = None
    """Positions seen: the last so many of a causal mask, half of it to either side of another, and one's own."""
    padding: Tensor | None = None
    """(B, S), true where a key is there."""
    documents: Tensor | None = None
    """(B, S) numbers: a query sees keys of its own."""
    prefix: Tensor | None = None
    """(B,) keys that all see."""
    global_tokens: Tensor | None = None
    """(B, S), true where a token is seen from anywhere; what such a one sees itself is not the mask's to say."""

    @property
    def is_plain(self) -> bool:
        """Causal or all, and nothing else: no tensor is needed to say so."""
        return all(part is None for part in (self.window, self.padding, self.documents, self.prefix))

    def dense(self, n_queries: int, n_keys: int, device: torch.device) -> Tensor:
        """(B or 1, 1, T, S), true where a query sees a key; queries are the last of the keys' positions."""
        queries = torch.arange(n_keys - n_queries, n_keys, device=device)[:, None]
        keys = torch.arange(n_keys, device=device)
        tensors = (self.padding, self.documents, self.prefix, self.global_tokens)
        n_rows = next((len(tensor) for tensor in tensors if tensor is not None), 1)
        rows = torch.arange(n_rows, device=device)[:, None, None]
        return self.sees(rows, queries, keys).expand(n_rows, n_queries, n_keys)[:, None]

    def sees(self, row: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """Whether the query at a position of a row sees the key at another."""
        seen = key <= query if self.is_causal else torch.ones_like(key <= query)
        if self.window is not None:
            near = query - key < self.window if self.is_causal else (query - key).abs() <= self.window // 2
            seen = seen & (near if self.global_tokens is None else near | self.global_tokens[row, key])
        if self.documents is not None:
            seen = seen & (self.documents[row, query] == self.documents[row, key])
        if self.prefix is not None:
            seen = seen | (key < self.prefix[row])
        return seen if self.padding is None else seen & self.padding[row, key]
