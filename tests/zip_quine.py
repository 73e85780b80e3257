"""A zip archive whose one member is the archive itself, after Cox 2010, "Zip files all the way down".

Deflate has blocks that say bytes as they are, here `L n`, and such that repeat the last n bytes, `R n`, each five bytes
long. Where P stands before the packed data and S behind it, this says P, itself and S:

    L p [P]   L p+10 [L p, P, L p+10]   R p+10   L 5 [R p+10]   L 5 [L 5]   L 20 [R p+10, L 5, L 5, L 20]   R 20
    L 20 [R 20, L 20, R 20, L 20]   R 20   L 20 [R 20, L 0, L 0, L 5+s]   R 20   L 0   L 0   L 5+s [R 5+s, S]   R 5+s

The checksum of the whole stands in P and in S. It is linear in what it is of, so that 32 equations give it.
"""

from __future__ import annotations

import struct
import zlib

NAME = b"a.zip"
_LENGTHS = ((3, 257, 0), (11, 265, 1), (19, 269, 2), (35, 273, 3), (67, 277, 4))
"""Where a group of four symbols for lengths begins, its first symbol, and how many bits more each has (RFC 1951)."""


def quine() -> bytes:
    """The archive."""
    at_zero = zlib.crc32(_archive(0))
    rows = [(zlib.crc32(_archive(1 << bit)) ^ at_zero ^ (1 << bit), 1 << bit) for bit in range(32)]
    found = at_zero  # what the bits that are chosen must change
    chosen = 0
    for place in range(32):
        pivot = next(row for row in rows if row[0] >> place & 1)
        rows = [(row[0] ^ pivot[0], row[1] ^ pivot[1]) if row[0] >> place & 1 else row for row in rows if row != pivot]
        if found >> place & 1:
            found, chosen = found ^ pivot[0], chosen ^ pivot[1]
    return _archive(chosen)


def _archive(checksum: int) -> bytes:
    before, behind, data = b"", b"", b""
    for _ in range(2):  # once for the lengths, once with them
        size = len(data)
        about = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 33, checksum, size, len(before + data + behind), len(NAME), 0)
        before = b"PK\3\4" + about + NAME
        entry = b"PK\1\2" + struct.pack("<H", 20) + about + bytes(14) + NAME
        end = struct.pack("<HHHHLLH", 0, 0, 1, 1, len(entry), len(before) + size, 0)
        behind = entry + b"PK\5\6" + end
        data = _program(before, behind)
    return before + data + behind


def _program(before: bytes, behind: bytes) -> bytes:
    p, n = len(before), len(behind) + 5
    begin = _say(p) + before + _say(p + 10)
    first, twenty, last = _repeat(p + 10), _repeat(20), _repeat(n, is_last=True)
    program = begin + begin + first + _say(5) + first + _say(5) + _say(5)
    program += _say(20) + first + _say(5) + _say(5) + _say(20) + twenty
    program += _say(20) + (twenty + _say(20)) * 2 + twenty
    program += _say(20) + twenty + _say(0) + _say(0) + _say(n) + twenty
    return program + _say(0) + _say(0) + _say(n) + last + behind + last


def _say(n: int) -> bytes:
    return struct.pack("<BHH", 0, n, n ^ 0xFFFF)


def _repeat(n: int, *, is_last: bool = False) -> bytes:
    """The last n bytes again: as one match, or as two, so that the block ends with the fifth byte or the sixth."""
    lengths = (n,) if is_last else (n - n // 2, n // 2) if n <= 20 else (min(n - 11, 34), n - min(n - 11, 34))
    bits = f"{is_last:d}10" + "".join(_length(length) + _distance(n) for length in lengths)
    return int(bits[::-1], 2).to_bytes(5, "little")  # what ends a block is seven zeros: they are there


def _length(length: int) -> str:
    start, symbol, extra = max(group for group in _LENGTHS if group[0] <= length)
    more = length - start
    return f"{symbol + (more >> extra) - 256:07b}" + _low_first(more & ((1 << extra) - 1), extra)


def _distance(distance: int) -> str:
    extra = (distance - 1).bit_length() - 2
    code = 2 * extra + 2 + ((distance - 1) >> extra & 1)
    return f"{code:05b}" + _low_first((distance - 1) & ((1 << extra) - 1), extra)


def _low_first(value: int, bits: int) -> str:
    return f"{value:0{bits}b}"[::-1] if bits else ""
