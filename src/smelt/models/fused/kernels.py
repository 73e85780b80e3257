"""Passes over bfloat16 tensors on a core, each in one loop where torch would make several.

A bfloat16 is the upper half of a float32: tensors come as arrays of 16-bit integers, in rows, and are computed on in
float32. Sums may be taken in any order, so that they run on vectors; what is not a number stays so. Numba compiles
them when this module is first imported, and keeps them in `__pycache__` (a few seconds, once).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types
from numba.core.typing.templates import Signature
from numpy.typing import NDArray

HALVES = types.uint16[:, ::1]
FLOATS = types.float32[:, ::1]
VECTOR = types.float32[::1]
SINGLE = types.float32
COUNT = types.int64
Halves = NDArray[np.uint16]
Floats = NDArray[np.float32]

F32, U32, I32 = np.float32, np.uint32, np.int32
ONE = F32(1)
HALF_BITS, SIGN_BITS, EXPONENT_BITS = U32(16), I32(31), U32(23)
ROUND_UP = U32(0x7FFF)
"""Added to what is cut off, with the last bit that is kept: to nearest, ties to even."""
LOG2_E = F32(1.4426950408889634)
FURTHEST = F32(126)
"""Powers of two beyond which exp is cut: where the exponent of a float32 ends."""
TWO_TO_THE = tuple(
    F32(c) for c in (1.535336188e-4, 1.339887440e-3, 9.618437358e-3, 5.550332471e-2, 2.402264791e-1, 6.931472029e-1)
)
"""2^f for f in [-.5, .5], but for the one that is added, the highest power first: Cephes' exp2f."""
FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Without nnan and ninf: a loss that is not a number must be seen (see `runs.guard`)."""

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(signature: Signature) -> Callable[[Function], Function]:
    """Compiles a loop for its types at once, to run without the interpreter lock."""
    njit: Any = numba.njit  # whose own types do not know of signatures

    def compile_now(function: Function) -> Function:
        options = {"nogil": True, "fastmath": FAST, "error_model": "numpy", "_nrt": False}
        try:
            return njit([signature], cache=True, **options)(function)
        except RuntimeError:  # there is no folder to keep the code in: every process compiles it anew
            return njit([signature], **options)(function)

    return compile_now


def inner(function: Function) -> Function:
    """Marks what only the loops here call."""
    njit: Any = numba.njit
    return njit(inline="always")(function)


@inner
def wide(half: Any) -> Any:
    """A bfloat16 as a float32."""
    return U32(U32(half) << HALF_BITS).view(F32)


@inner
def narrow(value: Any) -> Any:
    """A float32 as the nearest bfloat16."""
    bits = F32(value).view(U32)
    return np.uint16(U32(bits + ROUND_UP + U32(U32(bits >> HALF_BITS) & U32(1))) >> HALF_BITS)


@inner
def exp(x: Any) -> Any:
    """e^x to 2e-7, without a branch; numpy's is called number by number."""
    power = min(max(x * LOG2_E, -FURTHEST), FURTHEST)
    whole = F32(math.floor(power + F32(0.5)))
    part = power - whole
    a, b, c, d, e, f = TWO_TO_THE
    scaled = (((((a * part + b) * part + c) * part + d) * part + e) * part + f) * part + ONE
    return U32(F32(scaled).view(U32) + U32(U32(I32(whole)) << EXPONENT_BITS)).view(F32)


@inner
def sortable(bits: Any) -> Any:
    """The bits of a float32 as an integer in the same order, or back: integers are compared on vectors, floats not."""
    return I32(bits ^ I32(U32(bits >> SIGN_BITS) >> U32(1)))


@inner
def largest(row: Any) -> Any:
    """The largest of bfloat16 numbers."""
    most = I32(-(2**31))
    for j in range(len(row)):
        most = max(most, sortable(I32(U32(row[j]) << HALF_BITS)))
    return I32(sortable(most)).view(F32)


@compiled(types.void(FLOATS, VECTOR, HALVES, VECTOR, SINGLE))
def norm(x: Floats, gain: Floats, normed: Halves, inverse: Floats, eps: float) -> None:
    """Rows of x (n, d) over their root mean square, times gains (d,); and one over those roots (n,)."""
    for i in range(len(x)):
        row, out, total = x[i], normed[i], F32(0)
        for j in range(len(row)):
            total += row[j] * row[j]
        root = ONE / np.sqrt(total / F32(len(row)) + F32(eps))
        inverse[i] = root
        for j in range(len(row)):
            out[j] = narrow(row[j] * root * gain[j])


@compiled(types.void(FLOATS, VECTOR, VECTOR, HALVES, FLOATS, VECTOR))
def norm_back(x: Floats, gain: Floats, inverse: Floats, d_normed: Halves, d_x: Floats, d_gain: Floats) -> None:
    """The gradients of rows, and of gains, which are added."""
    for i in range(len(x)):
        row, given, out, root, along = x[i], d_normed[i], d_x[i], inverse[i], F32(0)
        for j in range(len(row)):
            share = wide(given[j]) * row[j] * root
            d_gain[j] += share
            along += share * gain[j]
        along *= root / F32(len(row))
        for j in range(len(row)):
            out[j] = root * (wide(given[j]) * gain[j] - row[j] * along)


@compiled(types.void(HALVES, HALVES, HALVES))
def gate(gates: Halves, up: Halves, hidden: Halves) -> None:
    """silu(gates) * up."""
    for i in range(len(gates)):
        g, u, out = gates[i], up[i], hidden[i]
        for j in range(len(g)):
            x = wide(g[j])
            out[j] = narrow(x / (ONE + exp(-x)) * wide(u[j]))


@compiled(types.void(HALVES, HALVES, HALVES, HALVES, HALVES))
def gate_back(gates: Halves, up: Halves, d_hidden: Halves, d_gates: Halves, d_up: Halves) -> None:
    """The gradients of both."""
    for i in range(len(gates)):
        g, u, given, d_g, d_u = gates[i], up[i], d_hidden[i], d_gates[i], d_up[i]
        for j in range(len(g)):
            x, d = wide(g[j]), wide(given[j])
            share = ONE / (ONE + exp(-x))
            d_g[j] = narrow(d * wide(u[j]) * share * (ONE + x * (ONE - share)))
            d_u[j] = narrow(d * x * share)


@compiled(types.void(HALVES, HALVES, FLOATS, FLOATS, COUNT))
def turn(x: Halves, heads: Halves, cos: Floats, sin: Floats, n_heads: int) -> None:
    """Rows of (B T heads, d) turned by the angles (T, d) of their positions, as (B heads T, d)."""
    length, half = len(cos), cos.shape[1] // 2
    for i in range(len(x)):
        token, head = i // n_heads, i % n_heads
        place = token % length
        row, out = x[i], heads[(token // length * n_heads + head) * length + place]
        c, s = cos[place], sin[place]
        for j in range(half):
            first, second = wide(row[j]), wide(row[half + j])
            out[j] = narrow(first * c[j] + second * s[j])
            out[half + j] = narrow(second * c[half + j] + first * s[half + j])


@compiled(types.void(HALVES, HALVES, FLOATS, FLOATS, COUNT))
def turn_back(d_heads: Halves, d_x: Halves, cos: Floats, sin: Floats, n_heads: int) -> None:
    """The gradient of what was turned: turned the other way."""
    length, half = len(cos), cos.shape[1] // 2
    for i in range(len(d_x)):
        token, head = i // n_heads, i % n_heads
        place = token % length
        given, out = d_heads[(token // length * n_heads + head) * length + place], d_x[i]
        c, s = cos[place], sin[place]
        for j in range(half):
            first, second = wide(given[j]), wide(given[half + j])
            out[j] = narrow(first * c[j] + second * s[half + j])
            out[half + j] = narrow(second * c[half + j] + first * s[j])


@compiled(types.void(HALVES, COUNT, SINGLE, types.boolean))
def softmax(scores: Halves, n_queries: int, scale: float, is_causal: bool) -> None:
    """Scores (n, S) times a scale become shares, in place; of a causal mask, of keys up to the query's place."""
    for i in range(len(scores)):
        seen = i % n_queries + 1 if is_causal else scores.shape[1]
        row, total = scores[i, :seen], F32(0)
        most = largest(row) * scale
        for j in range(seen):
            total += exp(wide(row[j]) * scale - most)
        most += np.log(total)
        for j in range(seen):
            row[j] = narrow(exp(wide(row[j]) * scale - most))
        scores[i, seen:] = 0


@compiled(types.void(HALVES, HALVES, COUNT, SINGLE, types.boolean))
def softmax_back(shares: Halves, d_shares: Halves, n_queries: int, scale: float, is_causal: bool) -> None:
    """The gradient of shares becomes that of scores, in place."""
    for i in range(len(shares)):
        seen = i % n_queries + 1 if is_causal else shares.shape[1]
        row, d_row, along = shares[i, :seen], d_shares[i, :seen], F32(0)
        for j in range(seen):
            along += wide(row[j]) * wide(d_row[j])
        for j in range(seen):
            d_row[j] = narrow(wide(row[j]) * (wide(d_row[j]) - along) * scale)
        d_shares[i, seen:] = 0


@compiled(types.void(HALVES, VECTOR))
def log_total(logits: Halves, totals: Floats) -> None:
    """log sum exp of each row (n, V)."""
    for i in range(len(logits)):
        row, total = logits[i], F32(0)
        most = largest(row)
        for j in range(len(row)):
            total += exp(wide(row[j]) - most)
        totals[i] = most + np.log(total)


@compiled(types.void(HALVES, VECTOR, types.int64[::1], SINGLE, SINGLE, SINGLE))
def cross_entropy_back(
    logits: Halves, totals: Floats, targets: NDArray[np.int64], wanted: float, elsewhere: float, scale: float
) -> None:
    """Logits become, in place, their probabilities less those wanted, of the target and of all, times a scale."""
    for i in range(len(logits)):
        row, total = logits[i], totals[i]
        of_target = exp(wide(row[targets[i]]) - total)
        for j in range(len(row)):
            row[j] = narrow((exp(wide(row[j]) - total) - elsewhere) * scale)
        row[targets[i]] = narrow((of_target - elsewhere - wanted) * scale)
