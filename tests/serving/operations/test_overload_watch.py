"""A service that refuses nearly everything for long is not ready for a short, random time."""

from __future__ import annotations

from serving.operations.overload_watch import OUT_S, OverloadWatch


class Load:
    """Seconds of load, counted up as the metrics do."""

    def __init__(self, limit_s: float = 30.0, draw: float = 0.5) -> None:
        self.watch = OverloadWatch(limit_s, lambda: draw)
        self.now_s = 1000.0
        self._answered = self._refused = 0

    def seconds(self, count: int, n_answered: int, n_refused: int) -> list[bool]:
        """Let seconds pass with so many predictions each, and return whether the service was out after each."""
        states = []
        for _ in range(count):
            self.now_s += 1
            self._answered += n_answered
            self._refused += n_refused
            self.watch.update(self.now_s, self._answered, self._refused)
            states.append(self.watch.is_out)
        return states


def test_nearly_nothing_but_refusals_for_long_is_too_much() -> None:
    """After 30 s with 90% refusals the service is out for 15 s, and then ready for another 30 s, although nothing changed."""
    load = Load()
    states = load.seconds(100, 1, 9)
    out = [index for index, is_out in enumerate(states) if is_out]
    assert out == [*range(30, 45), *range(76, 91)]


def test_a_shorter_overload_changes_nothing() -> None:
    """A second with less than half refusals, or without predictions, ends the overload; a second in between does not."""
    load = Load()
    assert not any(load.seconds(29, 1, 9))
    assert not any(load.seconds(1, 6, 4))
    assert not any(load.seconds(29, 0, 5))
    assert not any(load.seconds(1, 0, 0))
    assert not any(load.seconds(20, 1, 9))
    assert load.seconds(12, 2, 8)[-2:] == [True, True]


def test_half_refusals_never_start_an_overload() -> None:
    """A service that answers a fifth of its requests stays ready."""
    assert not any(Load().seconds(300, 2, 8))


def test_the_time_is_random() -> None:
    """Replicas that are overloaded together are out for different times, between half and one and a half of 15 s."""
    durations = [sum(Load(draw=draw).seconds(60, 0, 1)) for draw in (0.0, 0.5, 1.0)]
    assert durations == [8, 15, 23]
    assert OUT_S == 15.0


def test_the_watch_can_be_switched_off() -> None:
    """With the limit 0 the service is never out."""
    assert not any(Load(limit_s=0.0).seconds(300, 0, 5))
