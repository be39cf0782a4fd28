"""A config's custom transformers are imported from its folder, checked when it is read, and identified by their code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.training.orchards import CONFIG
from training.config import ConfigError, ModelConfig, load_config

DOCS = Path(__file__).parents[3] / "docs" / "configs.md"


def documented_class() -> str:
    """Return the example's code in docs/configs.md."""
    text = DOCS.read_text(encoding="utf-8").partition("### A transformer of your own")[2]
    match = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert match is not None
    return match.group(1)


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    """Forget the modules of a test, so that the next test can use their names."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("income_"):
            del sys.modules[name]


def read(folder: Path, code: str, module: str = "income_features", **entry: object) -> ModelConfig:
    """Write a module into the config's folder, and read the config."""
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    data = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    full_entry = {"transformer": f"{module}:LogIncome", "columns": ["height"], "params": {"offset": 0.5}, **entry}
    data["derived"] = {"custom": [full_entry]}
    (folder / "orchard.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return load_config(folder / "orchard.yaml")


def test_class_in_the_configs_folder_is_imported(tmp_path: Path) -> None:
    """The documented class is read, and the checksum of its code becomes part of the config."""
    config = read(tmp_path, documented_class())
    (entry,) = config.derived.custom
    assert entry.sha256 is not None
    assert entry.sha256 == read(tmp_path, documented_class()).derived.custom[0].sha256


def test_changed_code_is_another_config(tmp_path: Path) -> None:
    """An additional comment changes the checksum; a config with the previous checksum is refused."""
    before = read(tmp_path, documented_class()).derived.custom[0].sha256
    changed = documented_class() + "# changed\n"
    assert read(tmp_path, changed).derived.custom[0].sha256 != before
    with pytest.raises(ConfigError, match=r"orchard\.yaml:\d+: derived\.custom\.0: .*the code has changed"):
        read(tmp_path, changed, sha256=before)


def test_checksum_covers_the_whole_package(tmp_path: Path) -> None:
    """A new helper module inside the class's package changes the checksum."""
    package = tmp_path / "income_package"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "logs.py").write_text(documented_class(), encoding="utf-8")
    name = "income_package.logs:LogIncome"
    before = read(tmp_path, "", "income_unused", transformer=name).derived.custom[0].sha256
    (package / "helper.py").write_text("LIMIT = 1\n", encoding="utf-8")
    assert read(tmp_path, "", "income_unused", transformer=name).derived.custom[0].sha256 != before


@pytest.mark.parametrize(
    ("code", "entry", "message"),
    [
        ("class LogIncome:\n    pass\n", {}, "has no `fit`, `transform`.*`write_graph`.*docs/configs.md"),
        ("import income_missing\n", {}, "there is no module|cannot be imported"),
        ("1 / 0\n", {}, "ZeroDivisionError"),
        ("class Log:\n    pass\n", {}, r"has no class 'LogIncome'; it has \['Log'\]"),
        (None, {"params": {"base": 2}}, "cannot be made with the parameters .*base"),
        (
            None,
            {"transformer": "income_nowhere:LogIncome"},
            "there is no module 'income_nowhere' in the config's folder",
        ),
        (None, {"transformer": "LogIncome"}, "transformer"),
        (None, {"columns": ["soil"]}, "'soil' is not a numeric feature"),
        (None, {"columns": []}, "columns"),
    ],
)
def test_impossible_transformer_is_refused(
    tmp_path: Path, code: str | None, entry: dict[str, Any], message: str
) -> None:
    """A class that cannot be imported, fitted or served is refused when the config is read, with its place."""
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, documented_class() if code is None else code, **entry)


@pytest.mark.parametrize("module", ["json", "training", "sys"])
def test_taken_name_is_refused(tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the config's folder cannot replace a library, regardless of the working directory."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"the name '{module}' is taken"):
        read(tmp_path, documented_class(), module)


def test_config_without_custom_transformers_has_no_new_key() -> None:
    """A config without custom transformers has no key for them, so that stored checksums stay valid."""
    assert "custom" not in load_config(CONFIG).model_dump()["derived"]
