"""``python -m deploy.manifests.generate``: write the files of overlays and chart that repeat a file of another folder.

Neither kustomize nor Helm reads a file outside of its folder, so the rules of Prometheus and the empty rollout document are copied.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

from deploy.manifests.tools import ROOT

RULES_FILE = ROOT / "deploy" / "prometheus" / "tabento.rules.yml"
ROLLOUT_FILE = ROOT / "deploy" / "kubernetes" / "base" / "rollout.json"
COMMAND = "python -m deploy.manifests.generate"
_HEADER = f"# Written by `{COMMAND}` from deploy/prometheus/tabento.rules.yml; change the settings of alerts, see docs/alerts.md.\n"


_COMPONENT_START = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: tabento
  labels:
    app.kubernetes.io/name: tabento
    app.kubernetes.io/part-of: tabento
    app.kubernetes.io/component: service
spec:
"""


def generated_files() -> dict[Path, str]:
    """Return the text of each file, by its path in the repository."""
    lines = RULES_FILE.read_text(encoding="utf-8").splitlines(keepends=True)
    rules = "".join(line for line in lines if not line.startswith("#"))
    component = _COMPONENT_START + indent(rules, "  ")
    return {
        Path("deploy/kubernetes/components/prometheusrule/prometheusrule.yaml"): _HEADER + component,
        Path("deploy/helm/tabento/files/tabento.rules.yml"): _HEADER + rules,
        Path("deploy/helm/tabento/files/rollout.json"): ROLLOUT_FILE.read_text(encoding="utf-8"),
    }


def stale_files(root: Path = ROOT) -> list[Path]:
    """Return the paths of the files that are missing or differ from the text that the command would write."""
    files = generated_files()
    return [path for path, text in files.items() if not _is_current(root / path, text)]


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; with ``--check`` return 1 if one of them is missing or stale."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Write the copies in overlays and chart.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is missing or stale")
    options = parser.parse_args(arguments)
    stale = stale_files()
    if options.check:
        if stale:
            sys.stderr.write(f"stale: {', '.join(map(str, stale))}; run {COMMAND}\n")
        return 1 if stale else 0
    files = generated_files()
    for path in stale:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(files[path], encoding="utf-8")
    sys.stdout.write(f"{len(files)} files, {len(stale)} of them changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
