"""Variables that orchestrators inject are ignored; mistyped settings are refused."""

from __future__ import annotations

import pytest

from serving.settings import ENV_PREFIX as SERVING_PREFIX
from serving.settings import ServingSettings
from tabento.bundle.environment import is_injected, refusal, unknown_variables
from training.config.settings import ENV_PREFIX as TRAINING_PREFIX
from training.config.settings import TrainingSettings

KUBERNETES = {
    "{name}_SERVICE_HOST": "10.0.171.239",
    "{name}_SERVICE_PORT": "3000",
    "{name}_SERVICE_PORT_HTTP": "3000",
    "{name}_PORT": "tcp://10.0.171.239:3000",
    "{name}_PORT_3000_TCP": "tcp://10.0.171.239:3000",
    "{name}_PORT_3000_TCP_PROTO": "tcp",
    "{name}_PORT_3000_TCP_PORT": "3000",
    "{name}_PORT_3000_TCP_ADDR": "10.0.171.239",
    "{name}_PORT_53_UDP": "udp://10.0.171.239:53",
    "{name}_PORT_53_UDP_PROTO": "udp",
    "{name}_PORT_9_SCTP": "sctp://10.0.171.239:9",
    "{name}_PORT_9_SCTP_ADDR": "10.0.171.239",
}
"""What Kubernetes sets for a Service, by its upper-case name."""
DOCKER = {"{name}_NAME": "/web/model", "{name}_ENV_LANG": "C.UTF-8", "{name}_1_NAME": "/web_1/model_1"}
"""What Docker sets in addition for a linked container."""
SERVICES = (
    "TABENTO",
    "TABENTO_TRAINING",
    "TABENTO_MODEL",
    "TABENTO_MAX_ROWS",
    "TABENTO_TRAINING_DATA",
    "TABENTO_CANARY_2",
)


def injected_variables(name: str) -> dict[str, str]:
    """Return all variables that an orchestrator sets for one Service."""
    return {variable.format(name=name): value for variable, value in (KUBERNETES | DOCKER).items()}


@pytest.mark.parametrize("name", SERVICES)
def test_variables_of_orchestrators_are_recognised(name: str) -> None:
    """Every variable of a Service or a linked container is recognised as injected, for every name of a Service."""
    assert not [variable for variable, value in injected_variables(name).items() if not is_injected(variable, value)]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TABENTO_PORT", "3000"),
        ("TABENTO_MODEL_NAME", "california"),
        ("TABENTO_MAX_ROW", "9"),
        ("TABENTO_SERVICE_HOSTS", "a"),
        ("TABENTO_PORT_TCP", "3000"),
        ("TABENTO_SERVICE", "tabento"),
    ],
)
def test_a_mistyped_setting_is_not_taken_for_injected(variable: str, value: str) -> None:
    """A name that only resembles an injected one is still refused."""
    assert not is_injected(variable, value)
    assert unknown_variables({variable: value}, "TABENTO_", ["TABENTO_MODEL"]) == [variable]


def test_no_setting_has_a_name_that_is_always_injected() -> None:
    """The name of a setting never decides alone that its variable is injected; only an address as value does."""
    names = [SERVING_PREFIX + name.upper() for name in ServingSettings.model_fields]
    names += [TRAINING_PREFIX + name.upper() for name in TrainingSettings.model_fields]
    assert not [name for name in names if is_injected(name, "1")]
    assert all(is_injected(name, "tcp://10.0.0.1:1") for name in names)


def test_the_message_suggests_the_closest_setting() -> None:
    """Each unknown variable is named with the setting that was probably meant, if there is one."""
    message = refusal(["TABENTO_WORKER", "TABENTO_XYZ"], "TABENTO_", ["TABENTO_WORKERS", "TABENTO_MODEL"])
    assert "TABENTO_WORKER is not a setting; did you mean TABENTO_WORKERS?" in message
    assert "TABENTO_XYZ is not a setting." in message
    assert message.endswith("The settings are TABENTO_WORKERS, TABENTO_MODEL.")
