"""``dvc.yaml``, written from the table of the stages: ``python -m training.stages.dvc_file`` after a change of the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from training.stages.state import ROOT
from training.stages.steps import make_plan
from training.stages.table import STAGES, Stage

FILE = "dvc.yaml"
ITEM = "${item}"
HEADER = """\
# Written by `python -m training.stages.dvc_file` from training/stages/table.py; a test holds the two equal. Do not edit.
# The stages of training for DVC: `make repro`, or `dvc repro` inside .venv; `dvc repro fit@NAME` runs only the stages
# that fit@NAME needs.
#
# The data is the file or address in TABENTO_TRAINING_DATA ({name} in it stands for the model), else the config's source,
# else synthetic. DVC does not read the environment: `make repro MODEL=NAME DATA=rows.csv`, or
# `dvc repro --force --single-item data@NAME`, reads another file; the later stages then run if the rows differ.
#
# A stage keeps its old output until the new output is complete (persist), and DVC decides which stages run (--force).
"""


def stage_document(stage: Stage) -> dict[str, Any]:
    """Return one stage as DVC declares it: command, dependencies, config sections and output, for each model."""
    artifacts = f"artifacts/{ITEM}/"
    inputs = [f"{artifacts}{path}" for path in (*stage.needs, *stage.may_read)]
    source = make_plan(stage.name, "sweep").source_of(stage.name) if stage.takes_decisions else None
    if source is not None:
        inputs.append(f"{artifacts}{source}/{STAGES[source].decides}")
    config = [f"configs/{ITEM}.yaml"] if stage.name == "config" else []
    module = [] if "training" in stage.code else [f"training/stages/{stage.name}.py"]
    document: dict[str, Any] = {
        "desc": stage.title,
        "cmd": f"python -m training train --config configs/{ITEM}.yaml --steps {stage.name} --decisions sweep --force",
        "deps": [*config, *stage.code, *module, *inputs],
    }
    if stage.name != "config":
        document["params"] = [{f"{artifacts}config/config.yaml": list(stage.sections)}]
    document["outs"] = [{f"{artifacts}{stage.name}": {"persist": True}}]
    return {"foreach": "${models}", "do": document}


def dvc_document(models: list[str]) -> dict[str, Any]:
    """Return the whole content of ``dvc.yaml`` for some models, each with a config of its name."""
    return {
        "vars": [{"models": models}],
        "stages": {stage.name: stage_document(stage) for stage in STAGES.values()},
        "metrics": [f"artifacts/{model}/fit/metrics.json" for model in models],
        "plots": [f"artifacts/{model}/fit/report.png" for model in models],
    }


def dvc_text(root: Path) -> str:
    """Return the text of ``dvc.yaml`` for the configs of a checkout; the models keep the order of the present file."""
    listed_models = yaml.safe_load((root / FILE).read_text(encoding="utf-8"))["vars"][0]["models"]
    configs = sorted(path.stem for path in (root / "configs").glob("*.yaml") if path.stem != "serving")
    models = [model for model in listed_models if model in configs] + [
        model for model in configs if model not in listed_models
    ]
    body = yaml.dump(dvc_document(models), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=200)
    return HEADER + body


class _Dumper(yaml.SafeDumper):
    """A YAML writer that indents lists and uses no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the items of a list below their key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal lists twice: anchors are hard to read."""
        return True


def main() -> None:
    """Write ``dvc.yaml`` of this checkout."""
    (ROOT / FILE).write_text(dvc_text(ROOT), encoding="utf-8")


if __name__ == "__main__":
    main()
