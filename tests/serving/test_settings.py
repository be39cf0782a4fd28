"""Settings come from the file and the environment, and an impossible one is refused by name."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from pathlib import Path

import pytest

from monitoring.settings import MonitoringSettings
from rollout.settings import RolloutSettings
from serving.settings import SERVING_FILE, ServingSettings, SettingsError, load_settings
from tests.tabento.bundle.test_environment import SERVICES, injected_variables


@pytest.fixture(autouse=True)
def default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings without the variables of the whole test session."""
    for variable in ("TABENTO_MONITORING", "TABENTO_MONITORING_FOLDER", "TABENTO_ROLLOUT_FOLDER"):
        monkeypatch.delenv(variable)


def _write(folder: Path, text: str) -> Path:
    path = folder / SERVING_FILE
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return folder


def _defaults_in(folder: Path) -> ServingSettings:
    """Return the defaults of a service in a folder, at which relative paths start."""
    defaults = ServingSettings()
    return defaults.model_copy(update={"rollout_folder": folder / defaults.rollout_folder})


def test_defaults_hold_without_a_file(tmp_path: Path) -> None:
    """A folder without a file gets the defaults."""
    assert load_settings(tmp_path) == _defaults_in(tmp_path)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order: environment, file, default."""
    folder = _write(tmp_path, "max_rows: 7\nworkers: 2\n")
    monkeypatch.setenv("TABENTO_MAX_ROWS", "9")
    settings = load_settings(folder)
    assert (settings.max_rows, settings.workers, settings.onnx_threads) == (9, 2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_row: 7", "max_row: got 7: there are .*model, max_rows"),
        ("max_rows: 0", "max_rows: got 0: .*greater than or equal to 1"),
        ("max_rows: many", "max_rows: got 'many'"),
        ("model: No Name", "model: got 'No Name'"),
        ("- a", "must have keys and values"),
        ("a: [", "is not valid YAML"),
        ("input_policies: {age: drop}", "input_policies.age: got 'drop': .*'reject', 'accept' or 'clip'"),
    ],
)
def test_an_impossible_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names the key, the value and the allowed values."""
    with pytest.raises(SettingsError, match=message):
        load_settings(_write(tmp_path, text))


SECRET = "tabento_" + "a1" * 24 + "b"


@pytest.mark.parametrize(
    "text",
    [
        f"api_keys: [{SECRET}]",
        f"api_keys: {{a: {SECRET}}}",
        f"api_key: {SECRET}",
        f"admin_password: {SECRET[8:]}",
        f"docs_access: {SECRET}",
    ],
)
def test_a_wrong_secret_is_not_shown(text: str, tmp_path: Path) -> None:
    """The message about a wrong setting shows no value that may be a secret, and neither does its cause."""
    with pytest.raises(SettingsError, match="got a value that is not shown") as error:
        load_settings(_write(tmp_path, text))
    assert SECRET[8:] not in f"{error.value} {error.value.__cause__}"


def test_a_key_file_is_found_from_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts at the folder of the service, an absolute one stays."""
    monkeypatch.setenv("TABENTO_API_KEYS_FILE", "keys.json")
    assert load_settings(tmp_path).api_keys_file == tmp_path / "keys.json"
    monkeypatch.setenv("TABENTO_API_KEYS_FILE", "/run/keys.json")
    assert load_settings(tmp_path).api_keys_file == Path("/run/keys.json")


def test_an_unknown_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is not silently ignored."""
    monkeypatch.setenv("TABENTO_MAX_ROW", "9")
    monkeypatch.setenv("TABENTO_TRAINING_VERBOSE", "true")
    with pytest.raises(
        SettingsError, match=r"TABENTO_MAX_ROW is not a setting; did you mean TABENTO_MAX_ROWS\?.*TABENTO_MODEL"
    ):
        load_settings(tmp_path)


@pytest.mark.parametrize("name", SERVICES)
def test_variables_of_a_kubernetes_service_are_ignored(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Service that is called like the prefix or like a setting changes nothing."""
    for variable, value in injected_variables(name).items():
        monkeypatch.setenv(variable, value)
    defaults = ServingSettings()
    assert defaults == ServingSettings.model_construct()
    assert load_settings(tmp_path) == _defaults_in(tmp_path)


def test_an_address_is_never_the_value_of_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an injected variable has the name of a setting, the setting keeps the value of the file."""
    monkeypatch.setenv("TABENTO_WORKERS", "tcp://10.0.0.1:3000")
    assert load_settings(_write(tmp_path, "workers: 2\n")).workers == 2


@pytest.mark.parametrize("header", ["*", "x request id", "x-a,x-b", ""])
def test_an_impossible_cors_header_is_refused(header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each allowed header is a header's name; a star would allow all."""
    monkeypatch.setenv("TABENTO_CORS_HEADERS", json.dumps(["content-type", header]))
    with pytest.raises(SettingsError, match="is not the name of a header; list each one"):
        load_settings(tmp_path)


def test_the_shipped_file_is_the_defaults() -> None:
    """The file in the repository shows every setting at its default."""
    import yaml

    path = Path(__file__).parents[2] / SERVING_FILE
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == ServingSettings().model_dump(mode="json")


def test_every_setting_is_documented() -> None:
    """Under each field stands a docstring."""
    parts = (ServingSettings, MonitoringSettings, RolloutSettings)
    trees = [ast.parse(textwrap.dedent(inspect.getsource(part))).body[0] for part in parts]
    body = [node for tree in trees if isinstance(tree, ast.ClassDef) for node in tree.body]
    fields = [index for index, node in enumerate(body) if isinstance(node, ast.AnnAssign)]
    assert len(fields) == len(ServingSettings.model_fields)
    for index in fields:
        following = body[index + 1]
        assert isinstance(following, ast.Expr), ast.unparse(body[index])
        assert isinstance(following.value, ast.Constant), ast.unparse(body[index])


def test_policies_come_from_a_variable_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping is written as JSON in the environment."""
    monkeypatch.setenv("TABENTO_INPUT_POLICIES", '{"crown width": "clip"}')
    assert load_settings(tmp_path).input_policies == {"crown width": "clip"}
