"""Alerts become pending, fire, are notified once in a cooldown, and end."""

from __future__ import annotations

import msgspec

from monitoring.alerts.expressions import Gauge, Vector
from monitoring.alerts.rules import Rule, Severity
from monitoring.alerts.states import MAX_ALERTS, AlertStates, Notification, StatesContent

COOLDOWN_S = 3_600.0


def _rule(severity: Severity = "warning", for_s: float = 60.0) -> Rule:
    return Rule("Trouble", severity, "group", Gauge("x"), for_s, "The value is {value}.", "number", "trouble")


WARNING, CRITICAL = _rule(), _rule("critical")
HOLDS: Vector = {(): 1.0}


def _names(notifications: list[Notification]) -> list[tuple[str, int, int]]:
    return [(item.severity, len(item.firing), len(item.resolved)) for item in notifications]


def test_a_condition_must_hold_for_a_time() -> None:
    """An alert is pending until its condition has held for the rule's time, then it fires and is notified once."""
    states = AlertStates(COOLDOWN_S)
    assert states.update(0.0, [(WARNING, HOLDS)]) == []
    assert ([alert.value for alert in states.pending], states.firing) == ([1.0], [])
    assert _names(states.update(60.0, [(WARNING, {(): 3.0})])) == [("warning", 1, 0)]
    assert ([alert.value for alert in states.firing], states.pending) == ([3.0], [])
    assert states.update(70.0, [(WARNING, HOLDS)]) == []


def test_a_short_condition_never_fires() -> None:
    """A pending alert whose condition ends leaves no trace."""
    states = AlertStates(COOLDOWN_S)
    states.update(0.0, [(WARNING, HOLDS)])
    assert states.update(30.0, [(WARNING, {})]) == []
    states.update(60.0, [(WARNING, HOLDS)])
    assert states.firing == []
    assert states.summary(60.0)["warning"].fired == 0


def test_a_flapping_alert_is_notified_once_in_its_cooldown() -> None:
    """Further firings within the cooldown are suppressed and counted; their ends are not notified either."""
    states = AlertStates(COOLDOWN_S)
    rule = _rule(for_s=0.0)
    sent = []
    for step in range(20):
        sent += _names(states.update(100.0 * step, [(rule, HOLDS if step % 2 == 0 else {})]))
    assert sent == [("warning", 1, 0), ("warning", 0, 1)]
    counts = states.summary(1_900.0)["warning"]
    assert (counts.fired, counts.resolved, counts.notified, counts.suppressed) == (10, 10, 1, 9)


def test_a_firing_alert_is_repeated_after_each_cooldown() -> None:
    """An alert that goes on is notified every hour."""
    states = AlertStates(COOLDOWN_S)
    rule = _rule(for_s=0.0)
    times = [time for time in range(0, 3 * 3_600, 10) if states.update(float(time), [(rule, HOLDS)])]
    assert times == [0, 3_600, 7_200]


def test_a_critical_alert_inhibits_the_warning_of_its_name() -> None:
    """The warning is suppressed while the critical alert of the same name and labels fires, and notified afterwards."""
    states = AlertStates(COOLDOWN_S)
    critical, warning = _rule("critical", 0.0), _rule("warning", 0.0)
    model = (("model", "m"),)
    feature = (("feature", "age"), ("model", "m"))
    other = (("feature", "age"), ("model", "other"))
    values: list[tuple[Rule, Vector]] = [(critical, {model: 1.0}), (warning, {feature: 1.0, other: 1.0})]
    assert _names(states.update(0.0, values)) == [("critical", 1, 0), ("warning", 1, 0)]
    assert states.summary(0.0)["warning"].suppressed == 1
    assert _names(states.update(10.0, [(warning, {feature: 1.0, other: 1.0})])) == [
        ("warning", 1, 0),
        ("critical", 0, 1),
    ]


def test_states_survive_storage() -> None:
    """Restored alerts fire on without a second notification, and a rule that is gone is forgotten."""
    states = AlertStates(COOLDOWN_S)
    rule, lost_rule = _rule(for_s=0.0), Rule("Gone", "warning", "g", Gauge("y"), 0.0, "", "number", "a")
    states.update(0.0, [(rule, HOLDS), (lost_rule, HOLDS)])
    data = msgspec.msgpack.encode(states.stored())
    restored = AlertStates(COOLDOWN_S)
    restored.restore(msgspec.msgpack.decode(data, type=StatesContent), [rule])
    assert [alert.name for alert in restored.firing] == ["Trouble"]
    assert restored.update(10.0, [(rule, HOLDS)]) == []
    assert restored.summary(10.0)["warning"].notified == 2


def test_an_alert_does_not_end_while_numbers_are_missing() -> None:
    """After a start an alert without a number fires on."""
    states = AlertStates(COOLDOWN_S)
    rule = _rule(for_s=0.0)
    states.update(0.0, [(rule, HOLDS)])
    assert states.update(10.0, [(rule, {})], may_resolve=False) == []
    assert len(states.firing) == 1


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    """An alert fires after its time also if the clock jumped back, and a cooldown in the future does not count."""
    states = AlertStates(COOLDOWN_S)
    states.update(1e9, [(WARNING, HOLDS)])
    states.update(1e9 + 60, [(WARNING, HOLDS)])
    states.update(1e9 + 70, [(WARNING, {})])
    states.update(1_000.0, [(WARNING, HOLDS)])
    assert _names(states.update(1_060.0, [(WARNING, HOLDS)])) == [("warning", 1, 0)]


def test_the_number_of_alerts_is_bounded() -> None:
    """Further alerts are counted, and the summary of yesterday is forgotten."""
    states = AlertStates(COOLDOWN_S)
    vector: Vector = {(("feature", str(number)),): 1.0 for number in range(MAX_ALERTS + 5)}
    states.update(0.0, [(WARNING, vector)])
    assert (len(states.pending), states.overflow) == (MAX_ALERTS, 5)
    states.update(60.0, [(WARNING, vector)])
    assert states.summary(60.0)["warning"].fired == MAX_ALERTS
    states.update(90_000.0, [(WARNING, {})])
    assert states.summary(90_000.0)["warning"].fired == 0
    assert len(states.content.slots) == 1
