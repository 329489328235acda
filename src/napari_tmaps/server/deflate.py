"""Bytes as a zlib stream, by Huffman's code alone: all that there is to gain of noise, quickly.

In the noise of a camera nothing repeats: the search for what does finds nothing, and takes nearly
all the time of zlib. The code is one for all bytes, made from a sample of them (RFC 1950, 1951).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel

_END = 256
"""The symbol after the last byte."""
_LONGEST = 15
"""Bits of a code at most."""
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
"""In which the lengths of the codes of lengths are told."""


def huffman_zlib(
    parts: Iterable[npt.NDArray[np.uint8]], size: int, sample: npt.NDArray[np.uint8]
) -> tuple[bytes, memoryview, bytes]:
    """What any program unpacks to the parts, one after the other; in pieces.

    Parameters
    ----------
    parts
        Arrays of one dimension; each may be overwritten once the next one is asked for.
    size
        Bytes of all of them together.
    sample
        Bytes like them, from which the code is made.
    """
    import imagecodecs

    lengths = code_lengths(np.bincount(sample, minlength=_END + 1).tolist())
    each = _Codes(np.array(_codes(lengths), np.uint32), np.array(lengths, np.uint8))
    pairs = each.of_pairs()
    head, bits = _head(lengths)
    words = np.empty((size * _LONGEST + bits) // 32 + 3, np.uint32)
    there = bits // 32
    words[:there] = np.frombuffer(head.to_bytes(4 * there + 4, "little"), "<u4", there)
    state = np.array([there, head >> 32 * there, bits % 32], np.uint64)
    check = 1
    for part in parts:
        even = part.size & ~1
        _encode(part[:even].view("<u2"), *pairs, words, state)
        _encode(part[even:].astype(np.uint16), *each, words, state)
        check = imagecodecs.zlibng_adler32(part, check)  # type: ignore[arg-type]  # any buffer
    _encode(np.array([_END], np.uint16), *each, words, state)
    at, held, bits = state.tolist()
    words[at] = held
    body = words.astype("<u4", copy=False).view(np.uint8)[: 4 * at + -(-bits // 8)]
    return b"\x78\x01", body.data, check.to_bytes(4, "big")


class _Codes(NamedTuple):
    """Codes of symbols, the first bit lowest, and how many bits each has."""

    codes: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.uint8]

    def of_pairs(self) -> _Codes:
        """Of two bytes, the first one lowest in their number."""
        first, second = self.codes[None, :_END], self.codes[:_END, None]
        length = self.lengths[None, :_END]
        codes = first | second << length
        return _Codes(codes.ravel(), (length + self.lengths[:_END, None]).ravel())


def code_lengths(counts: list[int]) -> list[int]:
    """How many bits the code of each symbol has; none has none, and none more than 15."""
    counts = [max(count, 1) for count in counts]
    while True:
        lengths = [0] * len(counts)
        heap = [(count, symbol, [symbol]) for symbol, count in enumerate(counts)]
        heapq.heapify(heap)
        while len(heap) > 1:
            (one, first, some), (other, _, more) = heapq.heappop(heap), heapq.heappop(heap)
            for symbol in (both := some + more):
                lengths[symbol] += 1
            heapq.heappush(heap, (one + other, first, both))
        if max(lengths) <= _LONGEST:
            return lengths
        counts = [count // 2 + 1 for count in counts]


def _codes(lengths: list[int]) -> list[int]:
    """The codes of those lengths, first bit lowest: short ones first, then by symbol."""
    codes, code, before = [0] * len(lengths), 0, 0
    for symbol in sorted(range(len(lengths)), key=lambda each: (lengths[each], each)):
        code <<= lengths[symbol] - before
        before = lengths[symbol]
        codes[symbol] = int(f"{code:0{before}b}"[::-1], 2)
        code += 1
    return codes


def _head(lengths: list[int]) -> tuple[int, int]:
    """The beginning of the one block: its bits as a number, first bit lowest, and how many."""
    # The last block, of a code of its own; 257 symbols, one distance, all lengths of codes told.
    parts = [(1, 1), (2, 2), (0, 5), (0, 5), (len(_ORDER) - 4, 4)]
    parts += [(4 if each < 16 else 0, 3) for each in _ORDER]  # each length in 4 bits, as it is
    parts += [(int(f"{each:04b}"[::-1], 2), 4) for each in (*lengths, 0)]
    head = size = 0
    for value, bits in parts:
        head |= value << size
        size += bits
    return head, size


@kernel
def _encode(
    symbols: npt.NDArray[np.uint16],
    codes: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.uint8],
    words: npt.NDArray[np.uint32],
    state: npt.NDArray[np.uint64],
) -> None:
    """Write the codes of symbols, none of more than 32 bits.

    Parameters
    ----------
    state
        How many words are full, the bits after them, and how many these are; changed.
    """
    at, held, bits = state[0], state[1], state[2]
    for symbol in symbols:
        held |= np.uint64(codes[symbol]) << bits
        bits += np.uint64(lengths[symbol])
        words[at] = np.uint32(held)  # 32 bits that are full, or will be written again
        full = bits >> np.uint64(5)  # 0 or 1
        at += full
        held >>= full << np.uint64(5)
        bits &= np.uint64(31)
    state[0], state[1], state[2] = at, held, bits
