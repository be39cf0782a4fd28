"""How long a batch takes: learned online, by size bucket, as a high quantile.

Buckets are powers of two. A quantile is tracked without storing samples: each observation moves the estimate up by a
step times q where it lies above, down by a step times (1 - q) where it lies below, with the step in proportion to the
estimate (stochastic approximation after H. Robbins and S. Monro, 1951, in the form of the frugal streaming quantiles of
Q. Ma, S. Muthukrishnan and M. Sandler, 2013). Cost by batch size is piecewise, since ONNX Runtime changes its code path
with it, so that nothing is fitted across buckets.
"""

from __future__ import annotations

QUANTILE = 0.9
STEP = 0.05
"""How far one observation moves the estimate, relative to it, up by 9% or down by 1%: twice the cost is learned in 8
batches, half of it in 70. However far an observation lies, the step is the same: one pause of the machine is not the
model's cost. A bucket that says more than twice of the one below, whose rows would be more expensive in a larger batch,
moves down by 1% with each batch of the one below."""
SETTLING = 3
"""Of the first so many observations of a bucket the smallest counts: the first calls also allocate."""


class BatchCosts:
    """Seconds by batch size.

    Args:
        max_rows: the largest batch that has a bucket; what is said of larger ones is in proportion to it.
    """

    def __init__(self, max_rows: int) -> None:
        self._seconds: list[float | None] = [None] * ((max_rows - 1).bit_length() + 1)
        self._seen = [0] * len(self._seconds)
        self._last = len(self._seconds) - 1
        self._sizes = [1 << index for index in range(len(self._seconds))]

    def observe(self, rows: int, seconds: float) -> None:
        """Take in how long a batch of ``rows`` took."""
        bucket = min((rows - 1).bit_length(), self._last)
        # A batch that does not fill its bucket counts for its share of the bucket's size: rows dominate within one.
        scaled = seconds * self._sizes[bucket] / rows
        known = self._seconds[bucket]
        if known is None or self._seen[bucket] < SETTLING:
            self._seen[bucket] += 1
            self._seconds[bucket] = scaled if known is None else min(known, scaled)
            return
        self._seconds[bucket] = moved = (
            known * (1 + STEP * QUANTILE * 2) if scaled > known else known * (1 - STEP * (1 - QUANTILE) * 2)
        )
        # A size that is taken to be too expensive is not tried, so it cannot correct itself: the next smaller one does it.
        if bucket < self._last:
            above = self._seconds[bucket + 1]
            if above is not None and above > 2 * moved:
                self._seconds[bucket + 1] = max(above * (1 - STEP * (1 - QUANTILE) * 2), 2 * moved)

    def predict(self, rows: int) -> float:
        """Return how many seconds a batch of ``rows`` takes, at most, nine times out of ten; 0 before anything is known."""
        bucket = (rows - 1).bit_length()
        if bucket > self._last:
            return self._known_at(self._last) * rows / self._sizes[self._last]
        upper = self._known_at(bucket)
        if bucket == 0 or rows == self._sizes[bucket]:
            return upper
        lower = min(self._known_at(bucket - 1), upper)
        share = (rows - self._sizes[bucket - 1]) / (self._sizes[bucket] - self._sizes[bucket - 1])
        return lower + (upper - lower) * share

    def _known_at(self, bucket: int) -> float:
        """Return a bucket's seconds; one that was never seen is taken from its neighbours, in proportion to rows."""
        known = self._seconds[bucket]
        if known is not None:
            return known
        for distance in range(1, len(self._seconds)):
            for other in (bucket - distance, bucket + distance):
                if 0 <= other < len(self._seconds):
                    seconds = self._seconds[other]
                    if seconds is not None:
                        return seconds * self._sizes[bucket] / self._sizes[other]
        return 0.0

    def rows_within(self, seconds: float, most: int) -> int:
        """Return the largest batch, at least one row, that is predicted to take at most ``seconds``."""
        if self.predict(most) <= seconds:
            return most
        # What was learned may fall from one bucket to the next; within a bucket it only rises. So the largest bucket is
        # sought of which at least one row more than the one below fits.
        bucket, high = (most - 1).bit_length(), most
        while bucket > 0 and self.predict((1 << (bucket - 1)) + 1) > seconds:
            high = (1 << (bucket - 1)) + 1
            bucket -= 1
            if self.predict(1 << bucket) <= seconds:
                return 1 << bucket
        if bucket == 0:
            return 1
        low = (1 << (bucket - 1)) + 1
        while high - low > 1:
            middle = (low + high) // 2
            if self.predict(middle) <= seconds:
                low = middle
            else:
                high = middle
        return low
