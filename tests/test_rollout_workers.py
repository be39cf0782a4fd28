"""A rollout in a service of two worker processes: their counts are added up, and all of them lose a bad version."""

from __future__ import annotations

import json
from pathlib import Path

import bentoml.models
import httpx
import pytest

from rollout.document import Challenger, Limits, ModelRollout, RolloutDocument, Step, Sticky
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore, open_store
from tabento.bundle.format import BENTOML_MODULE
from tabento.keys.key_file import format_keys
from tabento.keys.record import SCOPES
from tests.bundles import TREE, linear_model, orchard_contract, write_bundle
from tests.conftest import bentoml_home
from tests.servers import wait_until
from tests.serving.guards.key_records import new_key
from tests.test_start import started

N_CLIENTS = 12


@pytest.mark.slow
@pytest.mark.usefixtures("both_servers")
def test_the_counts_of_all_workers_decide(tmp_path: Path) -> None:
    """Each worker knows the requests of both; a canary whose answers differ loses its traffic in both, and one line says so."""
    secret, record = new_key("operator", scopes=SCOPES)
    keys = tmp_path / "keys.yaml"
    keys.write_bytes(format_keys((record,)))
    keys.chmod(0o600)
    contract = orchard_contract()
    with bentoml_home(tmp_path / "home"):
        for version, scale in (("v1", 1.0), ("v2", -1.0), ("v3", 1.0)):
            with bentoml.models.create(bentoml.Tag("orchard", version), module=BENTOML_MODULE) as stored:
                write_bundle(Path(stored.path), contract, linear_model(len(contract.features), scale=scale))
        store = open_store(RolloutSettings(rollout_folder=tmp_path / "rollout"))
        environment = {
            "TABENTO_MODEL": "orchard:v1",
            "TABENTO_WORKERS": "2",
            "TABENTO_ROLLOUT_FOLDER": str(tmp_path / "rollout"),
            "TABENTO_API_KEYS_FILE": str(keys),
            "TABENTO_MONITORING": "false",
        }
        with started(tmp_path, environment) as service:
            address = f"http://127.0.0.1:{service.port}"
            # Connections are spread over the workers by the kernel.
            clients = [
                httpx.Client(base_url=address, timeout=30, headers={"x-api-key": secret}) for _ in range(N_CLIENTS)
            ]
            wait_until(lambda: _is_ready(address), "the service to be ready")
            _try(store, "v3")
            n_sent = 0
            wait_until(lambda: len(_reports(clients[0])) == 1, "the trial to begin")
            for client in clients * 20:
                assert client.post("/predict", json=TREE).status_code == 200
                n_sent += 1

            def n_counted() -> int:
                (report,) = _reports(clients[0])
                return sum(arm["requests"] for arm in report["arms"].values())

            wait_until(lambda: n_counted() >= n_sent * 0.9, "the counts of both workers")
            _try(store, "v2")

            def is_rolled_back() -> bool:
                for client in clients:
                    client.post("/predict", json=TREE)
                return store.read().models["orchard"].challenger is None

            wait_until(is_rolled_back, "the rollback")
            wait_until(lambda: _versions(clients) == {"v1"}, "both workers to follow")
            for client in clients:
                client.close()
        lines = [json.loads(line) for line in service.log.read_text(encoding="utf-8").splitlines() if line[:1] == "{"]
    assert len([line for line in lines if "orchard:v2 is rolled back" in line["message"]]) == 1
    assert len({line["pid"] for line in lines if "orchard:v2 is a challenger now" in line["message"]}) == 2


def _try(store: DocumentStore, version: str) -> None:
    challenger = Challenger(
        tag=f"orchard:{version}",
        mode="canary",
        steps=(Step(share=0.5),),
        sticky=Sticky(by="request"),
        limits=Limits(min_requests=20),
    )
    entry = ModelRollout(champion="orchard:v1", challenger=challenger)

    def edit(document: RolloutDocument) -> RolloutDocument:
        return document.model_copy(update={"models": {"orchard": entry}})

    store.change(None, edit, "start")


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _reports(client: httpx.Client) -> list[dict[str, dict[str, dict[str, int]]]]:
    reports: list[dict[str, dict[str, dict[str, int]]]] = client.get("/admin/rollout/report").json()["reports"]
    return reports


def _versions(clients: list[httpx.Client]) -> set[str]:
    return {client.post("/predict", json=TREE).json()["version"] for client in clients * 3}
