"""The duration of a batch: learned online, by size bucket, as a high quantile.

Buckets are powers of two. A quantile is tracked without storing samples: each observation moves the estimate up by a
step times q if it is above, down by a step times (1 - q) if it is below, with the step in proportion to the
estimate (stochastic approximation after H. Robbins and S. Monro, 1951, in the form of the frugal streaming quantiles of
Q. Ma, S. Muthukrishnan and M. Sandler, 2013). Cost by batch size is piecewise, since ONNX Runtime changes its code path
with it, so that nothing is fitted across buckets.
"""

from __future__ import annotations

QUANTILE = 0.9
STEP = 0.05
"""The relative size of a step: an observation moves the estimate up by 9% or down by 1%. Twice the cost is learned in 8
batches, half of it in 70. The step is the same for every observation: one pause of the computer is not the model's cost.
If a bucket is above twice the next smaller one, its rows would be more expensive in a larger batch. It then moves down by 1%
with each batch of the smaller bucket."""
SETTLING = 3
"""The smallest of this number of first observations is the estimate of a bucket: the first calls also allocate."""


class BatchCosts:
    """Seconds by batch size.

    Args:
        max_rows: the largest batch that has a bucket; the estimate for a larger batch is in proportion to it.
    """

    def __init__(self, max_rows: int) -> None:
        self._seconds: list[float | None] = [None] * ((max_rows - 1).bit_length() + 1)
        self._n_observed = [0] * len(self._seconds)
        self._last = len(self._seconds) - 1
        self._sizes = [1 << index for index in range(len(self._seconds))]

    def observe(self, rows: int, seconds: float) -> None:
        """Learn from the duration of a batch of ``rows``."""
        bucket = min((rows - 1).bit_length(), self._last)
        # A batch that does not fill its bucket counts for its share of the bucket's size: the cost grows with the rows.
        scaled = seconds * self._sizes[bucket] / rows
        estimate = self._seconds[bucket]
        if estimate is None or self._n_observed[bucket] < SETTLING:
            self._n_observed[bucket] += 1
            self._seconds[bucket] = scaled if estimate is None else min(estimate, scaled)
            return
        factor = 1 + STEP * QUANTILE * 2 if scaled > estimate else 1 - STEP * (1 - QUANTILE) * 2
        self._seconds[bucket] = new_estimate = estimate * factor
        # No batch of a size that seems too expensive is run, so the next smaller bucket corrects the estimate.
        if bucket < self._last:
            next_estimate = self._seconds[bucket + 1]
            if next_estimate is not None and next_estimate > 2 * new_estimate:
                self._seconds[bucket + 1] = max(next_estimate * (1 - STEP * (1 - QUANTILE) * 2), 2 * new_estimate)

    def predict(self, rows: int) -> float:
        """Return the seconds within which nine of ten batches of ``rows`` are run; 0 before the first observation."""
        bucket = (rows - 1).bit_length()
        if bucket > self._last:
            return self._estimate_of(self._last) * rows / self._sizes[self._last]
        upper = self._estimate_of(bucket)
        if bucket == 0 or rows == self._sizes[bucket]:
            return upper
        lower = min(self._estimate_of(bucket - 1), upper)
        share = (rows - self._sizes[bucket - 1]) / (self._sizes[bucket] - self._sizes[bucket - 1])
        return lower + (upper - lower) * share

    def _estimate_of(self, bucket: int) -> float:
        """Return a bucket's seconds; without an observation, the nearest bucket's in proportion to rows."""
        estimate = self._seconds[bucket]
        if estimate is not None:
            return estimate
        for distance in range(1, len(self._seconds)):
            for neighbour in (bucket - distance, bucket + distance):
                if 0 <= neighbour < len(self._seconds):
                    seconds = self._seconds[neighbour]
                    if seconds is not None:
                        return seconds * self._sizes[bucket] / self._sizes[neighbour]
        return 0.0

    def rows_within(self, seconds: float, limit: int) -> int:
        """Return the rows of the largest batch up to a limit that is predicted to take at most ``seconds``; at least one row."""
        if self.predict(limit) <= seconds:
            return limit
        # From one bucket to the next the estimate may fall; within a bucket it only rises. So this looks for the largest
        # bucket in which one row more than the next smaller bucket fits.
        bucket, high = (limit - 1).bit_length(), limit
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
