"""Huffman's code alone for a zlib stream: all that there is to gain of noise, quickly.

In the noise of a camera nothing repeats: the search for what does finds nothing, and takes nearly
all the time of zlib. The code is one for all bytes, made from a sample of them (RFC 1950, 1951).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel

HEADER = b"\x78\x01"
"""What a zlib stream begins with; its blocks and Adler's check of all bytes follow."""

_END = 256
"""The symbol after the last byte."""
_LONGEST = 15
"""Bits of a code at most."""
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
"""In which the lengths of the codes of lengths are told."""
_BEGIN, _EMPTY = 3, b"\x00\x00\xff\xff"
"""Bits that begin an empty block that is not packed, and its rest: it ends with a whole byte."""
PRIME = 65521
"""Of Adler's check."""


class Table(NamedTuple):
    """Codes of symbols, the first bit lowest, and how many bits each has."""

    codes: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Huffman:
    """The code that fits a sample of bytes; others have a code too.

    Attributes
    ----------
    lengths
        Bits of the code of each byte, and of the end.
    """

    lengths: list[int]

    @classmethod
    def of(cls, sample: npt.NDArray[np.uint8]) -> Huffman:
        """For bytes like those, an array of one dimension."""
        return cls(code_lengths(np.bincount(sample, minlength=_END + 1).tolist()))

    @cached_property
    def bytes(self) -> Table:
        """By byte; the end comes last."""
        return Table(np.array(_codes(self.lengths), np.uint32), np.array(self.lengths, np.uint8))

    @cached_property
    def pairs(self) -> Table:
        """By two bytes, the first one highest in their number: none has more than 30 bits."""
        codes, lengths = self.bytes.codes[:_END], self.bytes.lengths[:_END]
        both = codes[:, None] | codes[None] << lengths[:, None]
        return Table(both.ravel(), (lengths[:, None] + lengths[None]).ravel())

    @cached_property
    def _told(self) -> tuple[int, int]:
        """How a block tells the code: its bits as a number, first bit lowest, and how many."""
        # A code of its own; 257 symbols, one distance, all lengths of codes told.
        parts = [(2, 2), (0, 5), (0, 5), (len(_ORDER) - 4, 4)]
        parts += [(4 if each < 16 else 0, 3) for each in _ORDER]  # each length in 4 bits, as it is
        parts += [(int(f"{each:04b}"[::-1], 2), 4) for each in (*self.lengths, 0)]
        told = size = 0
        for value, bits in parts:
            told |= value << size
            size += bits
        return told, size


class Block:
    """A block of a stream: give `words` and `state` to `put`, all symbols; then `end` it.

    Parameters
    ----------
    size
        Bytes that it packs at most.
    is_last
        Of the stream. Others are followed by an empty one, so that the next begins with a byte.

    Attributes
    ----------
    words
        Where bits are put, the first one lowest.
    state
        How many words are full, the bits after them, and how many these are.
    """

    def __init__(self, code: Huffman, size: int, *, is_last: bool) -> None:
        told, bits = code._told
        head, bits = told << 1 | int(is_last), bits + 1
        there = bits // 32
        self.words = np.empty((size * _LONGEST + bits) // 32 + 4, np.uint32)
        self.words[:there] = np.frombuffer(head.to_bytes(4 * there + 4, "little"), "<u4", there)
        self.state = np.array([there, head >> 32 * there, bits % 32], np.uint64)
        self._end = [int(part[_END]) for part in code.bytes]
        self._is_last = is_last

    def end(self) -> tuple[memoryview, bytes]:
        """All of it, in pieces."""
        at, held, bits = self.state.tolist()
        code, length = self._end
        held, bits = held | code << bits, bits + length + (0 if self._is_last else _BEGIN)
        self.words[at : at + 2] = held & 0xFFFFFFFF, held >> 32
        body = self.words.astype("<u4", copy=False).view(np.uint8)[: 4 * at + -(-bits // 8)]
        return body.data, b"" if self._is_last else _EMPTY


@kernel
def put(
    words: npt.NDArray[np.uint32],
    state: tuple[np.uint64, np.uint64, np.uint64],
    code: np.uint32 | int,
    length: np.uint8 | int,
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Put a code of at most 32 bits into the words of a block; returns its next state."""
    at, held, bits = state
    held |= np.uint64(code) << bits
    bits += np.uint64(length)
    words[at] = np.uint32(held)  # 32 bits that are full, or will be written again
    full = bits >> np.uint64(5)  # 0 or 1
    return at + full, held >> (full << np.uint64(5)), bits & np.uint64(31)


def joined(check: int, other: int, size: int) -> int:
    """Adler's check of bytes and `size` others after them, by the checks of both."""
    low, high = check & 0xFFFF, check >> 16
    high += (other >> 16) + size * (low - 1)
    return (high % PRIME) << 16 | (low + (other & 0xFFFF) - 1) % PRIME


def code_lengths(counts: list[int]) -> list[int]:
    """How many bits the code of each symbol has; none has none, and none more than 15."""
    number, root = len(counts), 2 * len(counts) - 2
    while True:
        heap = [(max(count, 1), symbol) for symbol, count in enumerate(counts)]
        heapq.heapify(heap)
        above = [root] * root  # the node above each; symbols come first
        for node in range(number, root + 1):
            (one, first), (other, second) = heapq.heappop(heap), heapq.heappop(heap)
            above[first] = above[second] = node
            heapq.heappush(heap, (one + other, node))
        depths = [0] * (root + 1)
        for node in reversed(range(root)):
            depths[node] = depths[above[node]] + 1
        if max(depths) <= _LONGEST:
            return depths[:number]
        counts = [count // 4 + 1 for count in counts]


def _codes(lengths: list[int]) -> list[int]:
    """The codes of those lengths, first bit lowest: short ones first, then by symbol."""
    codes, code, before = [0] * len(lengths), 0, 0
    for symbol in sorted(range(len(lengths)), key=lambda each: (lengths[each], each)):
        code <<= lengths[symbol] - before
        before = lengths[symbol]
        codes[symbol] = int(f"{code:0{before}b}"[::-1], 2)
        code += 1
    return codes
