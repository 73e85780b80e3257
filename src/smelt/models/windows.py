"""Attention within a window, in time that grows with the length and not with its square (Beltagy et al. 2020).

    queries   | 0 1 2 3 | 4 5 6 7 | 8 9 ..        chunks as long as the window reaches
    keys        chunk before, own chunk, and, where later ones are seen, the chunk after

Each chunk of queries sees at most three chunks of keys, which a mask cuts to the window. Global tokens are keys of all
chunks, put before the others.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from smelt.models.masks import Mask


def attend_in_windows(
    q: Tensor, k: Tensor, v: Tensor, mask: Mask, *, dropout: float = 0.0, scale: float | None = None
) -> Tensor:
    """What `scaled_dot_product_attention` gives with `mask.dense`: q (B, H, T, D), k and v (B, G, T, D) of G heads.

    The mask has a window and may have padding, documents and global tokens; a prefix is not for windows.
    """
    assert mask.window is not None
    assert mask.prefix is None
    n_rows, n_heads, length, _ = q.shape
    k, v = (x.repeat_interleave(n_heads // x.shape[1], dim=1) for x in (k, v))
    reach = mask.window - 1 if mask.is_causal else mask.window // 2
    size = max(1, reach)
    after = 0 if mask.is_causal else size
    n_chunks = -(-length // size)
    queries = pad(q, (0, 0, 0, n_chunks * size - length)).unflatten(2, (n_chunks, size))
    near_k, near_v = (_neighbours(x, size=size, n_chunks=n_chunks, after=after) for x in (k, v))
    seen = _seen(mask, n_rows, length=length, size=size, n_chunks=n_chunks, after=after, device=q.device)
    if mask.global_tokens is not None and bool(mask.global_tokens.any()):
        near_k, near_v, seen = _with_global(near_k, near_v, seen, k, v, mask)
    seen = seen | ~seen.any(dim=-1, keepdim=True)  # a query beyond the end, or of padding alone, sees what it likes
    fold = (queries.flatten(0, 1), near_k.flatten(0, 1), near_v.flatten(0, 1))  # (B H, chunks, .., D)
    each = seen.expand(n_rows, n_heads, *seen.shape[2:]).flatten(0, 1)
    mixed = scaled_dot_product_attention(*fold, attn_mask=each, dropout_p=dropout, scale=scale)
    return mixed.flatten(1, 2)[:, :length].unflatten(0, (n_rows, n_heads))


def _neighbours(x: Tensor, *, size: int, n_chunks: int, after: int) -> Tensor:
    """The keys or values around each chunk, (B, H, chunks, size + size + after, D)."""
    padded = pad(x, (0, 0, size, n_chunks * size - x.shape[2] + after))
    return padded.unfold(2, 2 * size + after, size).transpose(-1, -2)


def _seen(
    mask: Mask, n_rows: int, *, length: int, size: int, n_chunks: int, after: int, device: torch.device
) -> Tensor:
    """(B or 1, 1, chunks, size, keys), true where a query sees one of the keys around its chunk."""
    starts = torch.arange(n_chunks, device=device)[:, None, None] * size
    query = starts + torch.arange(size, device=device)[:, None]
    key = starts + torch.arange(-size, size + after, device=device)
    is_there = (key >= 0) & (key < length) & (query < length)
    is_of_rows = any(part is not None for part in (mask.padding, mask.documents, mask.global_tokens))
    rows = torch.arange(n_rows if is_of_rows else 1, device=device)[:, None, None, None]
    within = (query.clamp(max=length - 1)[None], key.clamp(0, length - 1)[None])
    near = Mask(mask.is_causal, mask.window, mask.padding, mask.documents).sees(rows, *within)
    if mask.global_tokens is not None:  # these are seen once, before the others
        near = near & ~mask.global_tokens[rows, within[1]]
    return (near & is_there)[:, None]


def _with_global(
    near_k: Tensor, near_v: Tensor, seen: Tensor, k: Tensor, v: Tensor, mask: Mask
) -> tuple[Tensor, Tensor, Tensor]:
    """Keys, values and what is seen of them, the global tokens of each row put first."""
    chosen = mask.global_tokens
    assert chosen is not None
    most, n_chunks = int(chosen.sum(dim=1).max()), near_k.shape[2]
    places = chosen.int().topk(most, dim=1).indices  # (B, most)
    is_global = chosen.gather(1, places)
    if mask.padding is not None:
        is_global = is_global & mask.padding.gather(1, places)
    index = places[:, None, :, None].expand(-1, k.shape[1], -1, k.shape[-1])
    first_k, first_v = (x.gather(2, index)[:, :, None].expand(-1, -1, n_chunks, -1, -1) for x in (k, v))
    first = is_global[:, None, None, None].expand(-1, 1, n_chunks, seen.shape[3], -1)
    seen = seen.expand(len(chosen), *seen.shape[1:])
    return (
        torch.cat((first_k, near_k), dim=3),
        torch.cat((first_v, near_v), dim=3),
        torch.cat((first, seen), dim=-1),
    )
