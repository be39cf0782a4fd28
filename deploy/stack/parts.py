"""The programs of the stack, in the order of their start, with the configuration files of deploy/compose.

compose.yaml gives addresses, secrets and volumes to containers; this module gives the same to processes. Files that
contain addresses are written into the folder of the stack; all other files are the ones of deploy/compose.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from deploy.compose.secret_values import KEYS_FILE, SECRETS_FOLDER, read_secret
from deploy.stack.postgres_data import postgres_user
from deploy.stack.process import StackPart
from deploy.stack.ready import http_is_ready, postgres_is_ready, redis_is_ready

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
RULES = ROOT / "deploy" / "prometheus" / "tabento.rules.yml"
REPLICAS = ("tabento-1", "tabento-2")
HOST = "127.0.0.1"


@dataclass(frozen=True)
class StackPlan:
    """The choices of one stack."""

    folder: Path
    """The absolute folder of its data, secrets and logs."""
    ports: Mapping[str, int]
    """The port of each part, and ``haproxy-metrics``."""
    programs: Mapping[str, str]
    """The path of each program of Debian's packages."""
    model: str
    """The bundle to serve, as ``--arg model`` has it."""
    model_store: Path
    """The folder of the stored bundles, ``models`` of a BENTOML_HOME."""

    def address(self, name: str) -> str:
        """Return ``host:port`` of a part."""
        return f"{HOST}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """Return the URL of a part."""
        return f"http://{self.address(name)}"


def write_configuration(plan: StackPlan) -> None:
    """Write the files with addresses, and copy the files that must be next to them."""
    prometheus = plan.folder / "prometheus"
    (prometheus / "targets").mkdir(parents=True, exist_ok=True)
    (prometheus / "secrets").mkdir(exist_ok=True)
    shutil.copyfile(COMPOSE / "prometheus" / "prometheus.yml", prometheus / "prometheus.yml")
    shutil.copyfile(RULES, prometheus / RULES.name)
    key = plan.folder / SECRETS_FOLDER / "prometheus_api_key"
    shutil.copyfile(key, prometheus / "secrets" / key.name)
    targets = {
        "tabento": [plan.address(name) for name in REPLICAS],
        "haproxy": [plan.address("haproxy-metrics")],
        "alertmanager": [plan.address("alertmanager")],
    }
    for name, addresses in targets.items():
        text = yaml.safe_dump([{"targets": addresses}])
        (prometheus / "targets" / f"{name}.yml").write_text(text, encoding="utf-8")
    for name in (*REPLICAS, "mlflow/artifacts", "alertmanager", "rollout"):
        (plan.folder / name).mkdir(parents=True, exist_ok=True)


def _postgres(plan: StackPlan) -> StackPart:
    """Return Postgres, which root runs as the user of Debian's package."""
    port, home = plan.ports["postgres"], plan.folder / "postgres"
    command = (plan.programs["postgres"], "-D", str(home / "data"), "-p", str(port), "-h", HOST, "-k", str(home))
    return StackPart(
        "postgres",
        command,
        postgres_is_ready(plan.programs["pg_isready"], port),
        plan.address("postgres"),
        "databases feedback and mlflow",
        user=postgres_user(),
        stop_signal=signal.SIGINT,
    )


def start_groups(plan: StackPlan) -> list[list[StackPart]]:
    """Return the parts in the order of their start: the parts of a group start together, when all earlier groups are ready."""
    return [
        [_postgres(plan), _redis(plan), _alertmanager(plan)],
        [_mlflow(plan), *(_replica(plan, name) for name in REPLICAS)],
        [_haproxy(plan), _prometheus(plan)],
    ]


def _redis(plan: StackPlan) -> StackPart:
    url = read_secret(plan.folder, "tabento_redis_url")
    command = (
        *(plan.programs["redis-server"], str(COMPOSE / "redis.conf")),
        *("--include", str(plan.folder / SECRETS_FOLDER / "redis_auth")),
        *("--port", str(plan.ports["redis"]), "--bind", HOST),
    )
    return StackPart("redis", command, redis_is_ready(url), plan.address("redis"), "limits of callers")


def _mlflow(plan: StackPlan) -> StackPart:
    url = plan.url("mlflow")
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(plan.ports["mlflow"])),
        *("--workers", "1", "--artifacts-destination", str(plan.folder / "mlflow" / "artifacts")),
    )
    environment = {
        "MLFLOW_BACKEND_STORE_URI": read_secret(plan.folder, "mlflow_backend_uri"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return StackPart(
        "mlflow", command, http_is_ready(f"{url}/health"), url, "runs and registered models", environment, folder=ROOT
    )


def service_environment(plan: StackPlan, name: str) -> dict[str, str]:
    """Return the variables of a replica, the ones of compose.yaml with the paths of this stack."""
    home = plan.folder / name
    return {
        # A home of its own for fetched files; its models are those of the user.
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
        "TABENTO_ENV_FILE": "",
        "TABENTO_PROFILE": "production",
        "TABENTO_DRAIN_S": "1",  # HAProxy notices a stop within two seconds at most; compose has the profile's 10
        "TABENTO_SECRETS_FOLDER": str(plan.folder / SECRETS_FOLDER),
        "TABENTO_API_KEYS_FILE": str(plan.folder / KEYS_FILE),
        "TABENTO_MONITORING_FOLDER": str(home / "monitoring"),
        "TABENTO_ROLLOUT_FOLDER": str(plan.folder / "rollout"),
        "TABENTO_TRUSTED_PROXIES": f'["{HOST}"]',
    }


def _replica(plan: StackPlan, name: str) -> StackPart:
    home = plan.folder / name / "bentoml"
    home.mkdir(parents=True, exist_ok=True)
    store = home / "models"
    if store.is_symlink():
        store.unlink()
    store.symlink_to(plan.model_store.resolve(), target_is_directory=True)
    url = plan.url(name)
    # The server of the image, which compose.yaml runs.
    command = (sys.executable, "container.py", "serve", "--host", HOST, "--port", str(plan.ports[name]))
    return StackPart(
        name,
        command,
        http_is_ready(f"{url}/readyz"),
        url,
        f"a replica of the service, {plan.model}",
        {**service_environment(plan, name), "TABENTO_MODEL": plan.model},
        folder=ROOT,
    )


def _haproxy(plan: StackPlan) -> StackPart:
    environment = {
        "CLIENTS_ADDRESS": plan.address("haproxy"),
        "METRICS_ADDRESS": plan.address("haproxy-metrics"),
        "REPLICA_1": plan.address("tabento-1"),
        "REPLICA_2": plan.address("tabento-2"),
    }
    command = (plan.programs["haproxy"], "-W", "-db", "-f", str(COMPOSE / "haproxy.cfg"))
    is_ready = http_is_ready(f"{plan.url('haproxy-metrics')}/ready")
    return StackPart("haproxy", command, is_ready, plan.url("haproxy"), "predictions and feedback", environment)


def _alertmanager(plan: StackPlan) -> StackPart:
    url = plan.url("alertmanager")
    command = (
        *(plan.programs["prometheus-alertmanager"], f"--config.file={plan.folder / 'alertmanager.yml'}"),
        *(f"--storage.path={plan.folder / 'alertmanager'}", f"--web.listen-address={plan.address('alertmanager')}"),
        "--cluster.listen-address=",
    )
    return StackPart("alertmanager", command, http_is_ready(f"{url}/-/ready"), url, "alerts")


def _prometheus(plan: StackPlan) -> StackPart:
    url = plan.url("prometheus")
    command = (
        *(plan.programs["prometheus"], f"--config.file={plan.folder / 'prometheus' / 'prometheus.yml'}"),
        *(
            f"--storage.tsdb.path={plan.folder / 'prometheus' / 'data'}",
            f"--web.listen-address={plan.address('prometheus')}",
        ),
        *("--storage.tsdb.retention.time=30d", "--enable-feature=exemplar-storage"),
    )
    return StackPart("prometheus", command, http_is_ready(f"{url}/-/ready"), url, "metrics and rules")


def model_store() -> Path:
    """Return the folder of the stored bundles of this user."""
    return Path(os.environ.get("BENTOML_HOME", Path.home() / "bentoml")) / "models"
