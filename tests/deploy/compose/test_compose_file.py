"""The compose file: hardened containers, private databases, and names that agree with the settings and with `make stack`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose.__main__ import FILE, PAGES, VARIABLES_FILE, prepare
from deploy.stack.parts import REPLICAS, StackPlan, service_environment, start_groups, write_configuration
from deploy.stack.programs import PACKAGES, WITHOUT_PACKAGE
from monitoring.alerts.prometheus import PROMETHEUS_FILE, prometheus_file
from serving.operations.drain import LAST_RESORT_S
from serving.settings import ENV_PREFIX, ServingSettings
from tabento.bundle.env_files import CHOOSERS, read_environment_file

ROOT = Path(__file__).parents[3]
COMPOSE = FILE.parent
CONTENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = CONTENT["services"]
FOLDER_VARIABLE = "${TABENTO_COMPOSE_FOLDER:-../../runs/compose}"
PRIVATE = ("redis", "postgres", *REPLICAS, "collector")
"""The services that no other computer and no other program of this computer reaches."""
SETTINGS = {ENV_PREFIX + name.upper() for name in ServingSettings.model_fields} | set(CHOOSERS)


@pytest.fixture
def stack_folder(tmp_path: Path) -> Path:
    """The prepared folder of a stack."""
    return prepare(tmp_path / "compose", "tabento-orchard:1", "http://127.0.0.1:9095/alerts").parent


@pytest.fixture
def plan(stack_folder: Path) -> StackPlan:
    """A plan of `make stack`, whose programs do not run."""
    ports = {name: 10_000 + index for index, name in enumerate((*SERVICES, "haproxy-metrics"))}
    return StackPlan(stack_folder, ports, dict.fromkeys(PACKAGES, "/bin/false"), "orchard:v1", stack_folder / "models")


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_hardened(name: str) -> None:
    """No container can write into its image, gain privileges, take all resources, or change its version by itself."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"] == "10m"
    assert "privileged" not in service
    if name not in REPLICAS:
        assert re.fullmatch(r"[a-z/-]+:v?[0-9]+\.[0-9]+(\.[0-9]+)?", service["image"])
    # The collector's image has no shell and no HTTP client.
    assert ("healthcheck" in service) is (name != "collector")


def test_databases_and_replicas_are_private() -> None:
    """Only HAProxy can be published for other computers; private parts are in networks without a way out only."""
    networks = CONTENT["networks"]
    for name, service in SERVICES.items():
        internal = [networks[network].get("internal", False) for network in service["networks"]]
        if name in PRIVATE:
            assert "ports" not in service
            assert all(internal)
        else:
            (port,) = service["ports"]
            assert port.startswith("${TABENTO_BIND:-127.0.0.1}:" if name == "haproxy" else "127.0.0.1:")
    assert set(PAGES) == {name for name, service in SERVICES.items() if "ports" in service}
    for name, (variable, port, _) in PAGES.items():
        assert f":${{{variable}:-{port}}}:" in SERVICES[name]["ports"][0]


def test_the_start_waits_for_health() -> None:
    """Each part waits for the parts that it needs, and only for parts with a health check."""
    for service in SERVICES.values():
        for needed, options in service.get("depends_on", {}).items():
            assert "healthcheck" in SERVICES[needed]
            assert options["condition"] == (
                "service_started" if needed in REPLICAS and "secrets" in service else "service_healthy"
            )
    assert set(SERVICES["haproxy"]["depends_on"]) == set(REPLICAS)
    assert set(SERVICES[REPLICAS[0]]["depends_on"]) == {"redis", "postgres"}


def test_secrets_are_prepared_files(stack_folder: Path) -> None:
    """Each secret is a file that `make compose` writes; no value of a secret is in the environment of a container."""
    secrets = CONTENT["secrets"]
    for name, options in secrets.items():
        assert options == {"file": f"{FOLDER_VARIABLE}/secrets/{name}"}
        assert (stack_folder / "secrets" / name).stat().st_mode & 0o777 == 0o444
    used = [
        secret if isinstance(secret, str) else secret["source"]
        for service in SERVICES.values()
        for secret in service.get("secrets", [])
    ]
    assert set(used) == set(secrets)
    names = {name.upper() for name in secrets if name.startswith("tabento_")}
    assert names == {"TABENTO_REDIS_URL", "TABENTO_FEEDBACK_URL"}
    assert names <= SETTINGS


def test_mounted_files_exist(stack_folder: Path) -> None:
    """Each mounted file is in the checkout or in the prepared folder, and is read-only."""
    volumes, used = set(CONTENT["volumes"]), set()
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source, _, target = mount.replace(FOLDER_VARIABLE, str(stack_folder)).partition(":")
            if source in volumes:
                used.add(source)
                continue
            assert target.endswith(":ro")
            assert (COMPOSE / source).exists()
    assert used == volumes


def test_variables_of_the_service_are_settings() -> None:
    """A replica gets no unknown variable, and stops within its grace period."""
    replica = SERVICES[REPLICAS[0]]
    assert replica["environment"] == SERVICES[REPLICAS[1]]["environment"]
    assert {name for name in replica["environment"] if name.startswith(ENV_PREFIX)} <= SETTINGS
    profile = read_environment_file(ROOT / "configs" / "profiles" / f"{replica['environment']['TABENTO_PROFILE']}.env")
    drain_s = float(profile["TABENTO_DRAIN_S"]) + ServingSettings.model_fields["drain_limit_s"].default
    assert float(replica["stop_grace_period"].removesuffix("s")) > drain_s + LAST_RESORT_S
    assert (ROOT / replica["healthcheck"]["test"][-1].removeprefix("src/")).is_file()


def test_addresses_are_services_of_one_network() -> None:
    """Each address in a configuration file is a service that its reader can reach."""
    for name in ("tabento", "haproxy", "alertmanager"):
        targets = yaml.safe_load((COMPOSE / "prometheus" / "targets" / f"{name}.yml").read_text(encoding="utf-8"))
        for target in targets[0]["targets"]:
            _assert_reachable("prometheus", target)
    for address in ("REPLICA_1", "REPLICA_2"):
        _assert_reachable("haproxy", SERVICES["haproxy"]["environment"][address])
    for address in ("redis:6379", "postgres:5432"):
        _assert_reachable(REPLICAS[0], address)
    _assert_reachable("mlflow", "postgres:5432")
    _assert_reachable(REPLICAS[0], "collector:4318")
    _assert_reachable("grafana", SERVICES["grafana"]["environment"]["PROMETHEUS_URL"].removeprefix("http://"))


def _assert_reachable(reader: str, address: str) -> None:
    name = address.partition(":")[0]
    assert set(SERVICES[reader]["networks"]) & set(SERVICES[name]["networks"])


def test_the_stack_runs_the_same_services(plan: StackPlan) -> None:
    """`make stack` runs each service of the compose file, or names the reason for leaving it out; needed parts start first."""
    group_of = {part.name: number for number, group in enumerate(start_groups(plan)) for part in group}
    assert sorted([*group_of, *WITHOUT_PACKAGE]) == sorted(SERVICES)
    for name in group_of:
        for needed in SERVICES[name].get("depends_on", {}):
            assert group_of[needed] < group_of[name]


def test_a_replica_of_the_stack_has_the_same_variables(plan: StackPlan) -> None:
    """A replica has the variables of the compose file, except for traces, for which the stack has no collector."""
    composed = {name for name in SERVICES[REPLICAS[0]]["environment"] if "TRACING" not in name}
    assert composed <= set(service_environment(plan, REPLICAS[0]))
    parts = {part.name: part for group in start_groups(plan) for part in group}
    assert set(parts["haproxy"].environment) == set(SERVICES["haproxy"]["environment"])


def test_prometheus_of_the_stack_reads_the_same_files(plan: StackPlan) -> None:
    """Both use one prometheus.yml; only the target files differ, and all files that it names exist."""
    write_configuration(plan)
    folder = plan.folder / "prometheus"
    text = (folder / PROMETHEUS_FILE).read_text(encoding="utf-8")
    assert text == (COMPOSE / "prometheus" / PROMETHEUS_FILE).read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    generated = yaml.safe_load(prometheus_file())
    assert content["global"] == generated["global"]
    assert content["rule_files"] == generated["rule_files"]
    files = [
        *content["rule_files"],
        *re.findall(r"targets/\w+\.yml", text),
        content["scrape_configs"][0]["authorization"]["credentials_file"],
    ]
    assert len(files) == 5
    assert all((folder / name).is_file() for name in files)
    targets = yaml.safe_load((folder / "targets" / "tabento.yml").read_text(encoding="utf-8"))
    assert targets == [{"targets": [plan.address(name) for name in REPLICAS]}]


def test_haproxy_has_the_lines_of_the_shipped_file() -> None:
    """The lines for clients and replicas are the ones of deploy/proxies, except for addresses and the resolver."""
    shipped = _directives(ROOT / "deploy" / "proxies" / "haproxy-replicas.cfg")
    lines = [
        line.removesuffix(" resolvers system init-addr libc,none") for line in _directives(COMPOSE / "haproxy.cfg")
    ]
    addresses = re.compile(r"bind |server tabento")
    missing = [line for line in shipped if line not in lines and not addresses.match(line)]
    assert missing == []
    extra = [line for line in lines if line not in shipped and not addresses.match(line)]
    assert extra == [
        "log stdout format raw local0 notice",
        "log global",
        "resolvers system",
        "parse-resolv-conf",
        "frontend operators",
        "monitor-uri /ready",
        "monitor fail if { nbsrv(predictions) lt 1 }",
        "http-request use-service prometheus-exporter if { path /metrics }",
    ]


def _directives(path: Path) -> list[str]:
    return [
        line.strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]


def test_mlflow_is_the_locked_version() -> None:
    """The tag of MLflow's image is the version in its lock, which also contains the driver of Postgres."""
    lock = (ROOT / "requirements" / "mlflow.txt").read_text(encoding="utf-8")
    version = SERVICES["mlflow"]["image"].partition(":")[2]
    assert f"\nmlflow=={version} " in lock
    assert "\npsycopg-binary==" in lock
    assert (COMPOSE / SERVICES["mlflow"]["build"]["context"] / "mlflow.txt").is_file()


def test_the_variables_name_image_and_folder(stack_folder: Path) -> None:
    """`make compose` writes the variables that later commands of Docker Compose need."""
    assert read_environment_file(stack_folder / VARIABLES_FILE) == {
        "TABENTO_IMAGE": "tabento-orchard:1",
        "TABENTO_COMPOSE_FOLDER": str(stack_folder),
    }
