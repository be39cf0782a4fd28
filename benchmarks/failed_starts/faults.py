"""The faults of starts: bundles, files of the operator, addresses, settings, and parts without which a service goes on."""

from __future__ import annotations

import importlib.util
import json
import platform
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from benchmarks.failed_starts.starts import Fault, own_home
from benchmarks.failed_starts.surroundings import Surroundings
from tabento.bundle.format import MANIFEST_FILE, MODEL_FILE
from tests.bundles import linear_model, write_bundle
from tools.ports import free_port

NEWER_FORMAT = 99
_E_MACHINE_OFFSET = 18
_ARM64, _X86_64 = 183, 62
Prepare = Callable[[Surroundings], object]


def setting(name: str, value: str) -> Prepare:
    """Return a fault that sets a variable."""
    return lambda place: place.environment.update({name: value})


def _empty_store(place: Surroundings) -> None:
    place.environment["BENTOML_HOME"] = str(place.folder / "empty")


def _changed_file(place: Surroundings) -> None:
    own_home(place)
    path = place.bundle / MODEL_FILE
    path.write_bytes(path.read_bytes() + b"\0")


def _newer_format(place: Surroundings) -> None:
    own_home(place)
    path = place.bundle / MANIFEST_FILE
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), "format_version": NEWER_FORMAT}), encoding="utf-8"
    )


def _unreadable_bundle(place: Surroundings) -> None:
    own_home(place)
    (place.bundle / MODEL_FILE).chmod(0)
    place.drop_rights_of_root()


def _foreign_graph(place: Surroundings) -> None:
    own_home(place)
    description = (place.bundle / "model.yaml").read_bytes()
    write_bundle(place.bundle, model=linear_model(3))
    (place.bundle / "model.yaml").write_bytes(description)


def _foreign_library(place: Surroundings) -> None:
    """Put an onnxruntime before the installed one whose library has another machine in its header."""
    specification = importlib.util.find_spec("onnxruntime")
    assert specification is not None
    assert specification.origin is not None
    installed = Path(specification.origin).parent
    package = place.folder / "foreign" / "onnxruntime"
    (package / "capi").mkdir(parents=True)
    for path in (*installed.iterdir(), *(installed / "capi").iterdir()):
        target = package / path.relative_to(installed)
        if path.name == "capi":
            continue
        if path.name.startswith("onnxruntime_pybind11_state") and path.suffix == ".so":
            content = bytearray(path.read_bytes())
            machine = _ARM64 if platform.machine() == "x86_64" else _X86_64
            struct.pack_into("<H", content, _E_MACHINE_OFFSET, machine)
            target.write_bytes(content)
        else:
            target.symlink_to(path)
    place.environment["PYTHONPATH"] = str(package.parent)


def _taken_port(place: Surroundings) -> None:
    listener = place.stack.enter_context(socket.create_server((place.host, 0)))
    place.port = listener.getsockname()[1]


def _taken_grpc_port(place: Surroundings) -> None:
    listener = place.stack.enter_context(socket.create_server((place.host, 0)))
    place.environment["TABENTO_GRPC_PORT"] = str(listener.getsockname()[1])


def _reserved_port(place: Surroundings) -> None:
    place.port = 81
    place.drop_rights_of_root()


def _wrong_port(place: Surroundings) -> None:
    place.port = 99_999


def _foreign_address(place: Surroundings) -> None:
    place.host = "203.0.113.9"  # TEST-NET-3, RFC 5737
    place.environment["TABENTO_ALLOW_NO_KEYS"] = "true"


def _open_without_keys(place: Surroundings) -> None:
    place.host = "0.0.0.0"  # noqa: S104 - refused, which is the point


def _key_file(content: str, *, readable: bool = True) -> Prepare:
    def prepare(place: Surroundings) -> None:
        path = place.folder / "keys.json"
        path.write_text(content, encoding="utf-8")
        place.environment["TABENTO_API_KEYS_FILE"] = str(path)
        if not readable:
            path.chmod(0)
            place.drop_rights_of_root()

    return prepare


def _certificate_without_key(place: Surroundings) -> None:
    path = place.folder / "tls.crt"
    path.write_text("not a certificate", encoding="utf-8")
    place.environment["TABENTO_TLS_CERTIFICATE_FILE"] = str(path)


def _read_only_monitoring(place: Surroundings) -> None:
    place.environment["TABENTO_MONITORING"] = "true"
    place.monitoring.mkdir()
    place.monitoring.chmod(0o555)
    place.drop_rights_of_root()


def _monitoring_is_a_file(place: Surroundings) -> None:
    place.environment["TABENTO_MONITORING"] = "true"
    place.monitoring.touch()


def _broken_rollout_document(place: Surroundings) -> None:
    path = place.folder / "rollout.json"
    path.write_text("{", encoding="utf-8")
    place.environment["TABENTO_ROLLOUT_FILE"] = str(path)


def _missing_champion(place: Surroundings) -> None:
    path = place.folder / "rollout.json"
    path.write_text(json.dumps({"models": {"orchard": {"champion": "orchard:v9"}}}), encoding="utf-8")
    place.environment["TABENTO_ROLLOUT_FILE"] = str(path)


def _unreachable_redis(place: Surroundings) -> None:
    place.environment |= {
        "TABENTO_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "TABENTO_ANONYMOUS_REQUESTS_PER_MINUTE": "1000",
    }


def _unreachable_postgres(place: Surroundings) -> None:
    place.environment |= {
        "TABENTO_MONITORING": "true",
        "TABENTO_FEEDBACK_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/nothing",
    }


FAULTS: dict[str, Fault] = {
    "no-bundle": Fault("no bundle in the model store", _empty_store, ("has no bundle orchard:v1", "make train")),
    "tampered": Fault("a file of the bundle was changed", _changed_file, ("model.onnx", "was changed", "sha256")),
    "newer-format": Fault("a bundle of a newer format", _newer_format, ("format 99", "the version that wrote it")),
    "unreadable-bundle": Fault(
        "a file of the bundle cannot be read", _unreadable_bundle, ("Permission denied", "model.onnx")
    ),
    "foreign-graph": Fault(
        "a sealed graph that does not fit its contract",
        _foreign_graph,
        ("model.onnx is not a graph for this contract",),
        is_worker_fault=True,
    ),
    "wrong-architecture": Fault(
        "packages of another architecture",
        _foreign_library,
        ("is a library for", f"this machine is {platform.machine()}"),
        is_worker_fault=True,
    ),
    "port-taken": Fault("the port is taken", _taken_port, ("port", "is in use")),
    "grpc-port-taken": Fault("the port of gRPC is taken", _taken_grpc_port, ("port", "grpc_port")),
    "port-reserved": Fault("a port below 1024 without the right", _reserved_port, ("port 81 needs a right", "1024")),
    "port-wrong": Fault("a port above 65535", _wrong_port, ("99999", "from 0 to 65535")),
    "address": Fault("an address of another machine", _foreign_address, ("203.0.113.9 is not an address",)),
    "no-keys": Fault("no API keys, open to all", _open_without_keys, ("no API keys", "TABENTO_API_KEYS_FILE")),
    "keys-missing": Fault(
        "the key file does not exist",
        setting("TABENTO_API_KEYS_FILE", "/nowhere/keys.json"),
        ("/nowhere/keys.json does not exist", "tabento keys create"),
    ),
    "keys-unreadable": Fault(
        "the key file cannot be read", _key_file("[]", readable=False), ("keys.json", "Permission denied")
    ),
    "keys-not-json": Fault("the key file is not JSON", _key_file("{"), ("keys.json is not valid JSON",)),
    "tls-missing": Fault(
        "the certificate does not exist",
        setting("TABENTO_TLS_CERTIFICATE_FILE", "/nowhere/tls.crt"),
        ("tls_certificate_file", "/nowhere/tls.crt"),
    ),
    "tls-not-pem": Fault("the certificate is not one", _certificate_without_key, ("tls_certificate_file", "tls.crt")),
    "secrets-missing": Fault(
        "the folder of secrets does not exist",
        setting("TABENTO_SECRETS_FOLDER", "/nowhere/secrets"),
        ("/nowhere/secrets",),
    ),
    "trusted-keys-missing": Fault(
        "signatures are required, without trusted keys",
        setting("TABENTO_REQUIRE_SIGNED_BUNDLES", "true"),
        ("trusted_bundle_keys_file",),
    ),
    "setting-unknown": Fault(
        "a misspelled setting", setting("TABENTO_WROKERS", "2"), ("TABENTO_WROKERS", "did you mean TABENTO_WORKERS")
    ),
    "setting-wrong": Fault("a setting out of range", setting("TABENTO_MAX_ROWS", "0"), ("max_rows", "'0'")),
    "secret-wrong": Fault(
        "a malformed secret", setting("TABENTO_REDIS_URL", "http://:hunter2@x"), ("redis_url", "not shown")
    ),
    "profile-unknown": Fault("an unknown profile", setting("TABENTO_PROFILE", "prod"), ("prod", "production")),
    "policy-unknown": Fault(
        "a policy for an unknown feature",
        setting("TABENTO_INPUT_POLICIES", '{"hight": "clip"}'),
        ("input_policies", "hight"),
    ),
    "model-unknown": Fault("a further model is not stored", setting("TABENTO_MODELS", '["pear"]'), ("models", "pear")),
    "pinned-unknown": Fault(
        "a pinned model is not stored",
        setting("TABENTO_PINNED_MODELS", '["pear:v1"]'),
        ("pear:v1",),
        is_worker_fault=True,
    ),
    "volume-read-only": Fault(
        "the monitoring folder is read-only",
        _read_only_monitoring,
        ("cannot be written", "TABENTO_MONITORING_FOLDER"),
        "monitoring",
    ),
    "volume-is-a-file": Fault(
        "the monitoring folder is a file",
        _monitoring_is_a_file,
        ("cannot be written", "TABENTO_MONITORING_FOLDER"),
        "monitoring",
    ),
    "rollout-broken": Fault("the rollout document is not JSON", _broken_rollout_document, ("rollout.json",), "rollout"),
    "champion-missing": Fault("the wanted champion does not exist", _missing_champion, ("orchard:v9",), "rollout"),
    "redis-unreachable": Fault("Redis does not answer", _unreachable_redis, ("Redis",), "log"),
    "postgres-unreachable": Fault("Postgres does not answer", _unreachable_postgres, ("feedback",), "monitoring"),
}
"""All faults by their names on the command line."""
