"""MurmurHash3, the 32-bit variant for x86, as scikit-learn's ``HashingVectorizer`` uses it.

The method is Austin Appleby's MurmurHash3_x86_32 (https://github.com/aappleby/smhasher, public domain).
"""

from __future__ import annotations

_MASK = 0xFFFFFFFF


def murmurhash3_32(data: bytes, seed: int = 0) -> int:
    """Return the signed 32-bit hash of some bytes.

    Args:
        data: the bytes to hash.
        seed: an integer from 0 to 2^32 - 1.

    Returns:
        An integer from -2^31 to 2^31 - 1.
    """
    value = seed
    blocks_end = len(data) & ~3
    for start in range(0, blocks_end, 4):
        value ^= _mix(int.from_bytes(data[start : start + 4], "little"))
        value = ((value << 13) | (value >> 19)) & _MASK
        value = (value * 5 + 0xE6546B64) & _MASK
    if len(data) > blocks_end:
        value ^= _mix(int.from_bytes(data[blocks_end:], "little"))
    value ^= len(data)
    value ^= value >> 16
    value = (value * 0x85EBCA6B) & _MASK
    value ^= value >> 13
    value = (value * 0xC2B2AE35) & _MASK
    value ^= value >> 16
    return value - (1 << 32) if value >> 31 else value


def _mix(block: int) -> int:
    """Return four bytes of the input, mixed for the hash."""
    block = (block * 0xCC9E2D51) & _MASK
    block = ((block << 15) | (block >> 17)) & _MASK
    return (block * 0x1B873593) & _MASK
