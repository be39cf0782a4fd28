"""``bento.yaml`` without BentoML: the sections that the server needs, and files that are not a Bento's."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.container.bento_file import BentoFileError, PackedBento, find_bento, read_bento

BENTO = """\
service: service:Tabento
name: tabento-orchard
version: abc
models: []
services:
- name: tabento
  models:
  - tag: orchard:v1
    module: tabento
  - tag: pear:v2
    module: tabento
envs:
- name: A
  value: '1'
schema:
  name: tabento
  routes:
  - name: predict
args:
  model: orchard
image:
  python_requirements: "a==1 \\
    --hash=sha256:0 \\
    b==2"
"""


def _write(folder: Path, text: str) -> Path:
    (folder / "src").mkdir()
    (folder / "bento.yaml").write_text(text, encoding="utf-8")
    return folder / "src"


def test_the_needed_sections_are_read(tmp_path: Path) -> None:
    """Tags, argument and schema are read; the section with the packages, most of the file, is not parsed."""
    source = _write(tmp_path, BENTO + "broken: [\n")
    assert find_bento(source) == PackedBento(
        folder=tmp_path,
        tag="tabento-orchard:abc",
        model_tags=("orchard:v1", "pear:v2"),
        model="orchard",
        schema={"name": "tabento", "routes": [{"name": "predict"}]},
    )


def test_a_bento_without_arguments(tmp_path: Path) -> None:
    """Without ``--arg`` the settings choose the model, and a model that two services share is listed once."""
    text = BENTO.replace("args:\n  model: orchard\n", "args: {}\n").replace("models: []", "models:\n- tag: orchard:v1")
    bento = find_bento(_write(tmp_path, text))
    assert bento is not None
    assert bento.model is None
    assert bento.model_tags == ("orchard:v1", "pear:v2")


def test_further_models_are_an_argument(tmp_path: Path) -> None:
    """The text is as ``make bento MODELS=…`` passed it; ``serving.packed_models`` reads it."""
    bento = find_bento(
        _write(tmp_path, BENTO.replace("  model: orchard\n", "  model: orchard\n  models: pear:v2,plum:v3\n"))
    )
    assert bento is not None
    assert (bento.model, bento.further_models) == ("orchard", "pear:v2,plum:v3")


def test_a_checkout_is_not_a_bento(tmp_path: Path) -> None:
    """Sources in another folder than ``src``, or without ``bento.yaml`` above, are a checkout."""
    source = _write(tmp_path, BENTO)
    assert find_bento(tmp_path) is None
    (tmp_path / "bento.yaml").unlink()
    assert find_bento(source) is None


@pytest.mark.parametrize(
    "text", ["", "[1]", "name: x\nversion: y\nservices: 3\n", "name: [\n", "name: x\nservices: []\n", "\udcff"]
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the file and the command that builds the Bento again."""
    (tmp_path / "bento.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BentoFileError, match=r"bento\.yaml is not the description of a Bento.*make bento"):
        read_bento(tmp_path)
