"""``.venv/kubernetes/bin/python deploy/manifests/check_schemas.py VERSIONS FILE...``: validate objects by schema.

Kubernetes' own kinds are validated by kubernetes-validate, which has the schemas of each Kubernetes version and refuses unknown
fields. Custom resources (the Prometheus operator, KEDA, Knative) are validated by the small schemas in ``crds``.

The script runs in the environment of ``make manifests`` and imports nothing of the repository. It writes one JSON object: the
number of checked objects, and a line for each fault.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

CRDS = Path(__file__).parent / "crds"
LONGEST_MESSAGE = 300
CUSTOM_GROUPS = ("monitoring.coreos.com", "keda.sh", "serving.knative.dev")


def _name(manifest: dict[str, Any]) -> str:
    metadata = manifest.get("metadata") or {}
    return f"{manifest.get('kind')}/{metadata.get('name') or metadata.get('generateName')}"


def _shorten(message: str) -> str:
    """Return the end of a long message: it begins with the value, which can be a whole object."""
    return message if len(message) <= LONGEST_MESSAGE else f"…{message[-LONGEST_MESSAGE:]}"


def _custom_schema(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a custom resource.

    Raises:
        FileNotFoundError: ``crds`` has none for its kind.
    """
    group = manifest["apiVersion"].partition("/")[0]
    schema: dict[str, Any] = json.loads((CRDS / f"{group}_{manifest['kind'].lower()}.json").read_text(encoding="utf-8"))
    return schema


def _faults(manifest: dict[str, Any], version: str) -> str | None:
    """Return the first fault of an object, or None."""
    try:
        if manifest.get("apiVersion", "").startswith(CUSTOM_GROUPS):
            jsonschema.validate(manifest, _custom_schema(manifest))
        else:
            kubernetes_validate.validate(manifest, version, strict=True)
    except FileNotFoundError as error:
        return f"no schema for {manifest['apiVersion']} {manifest['kind']}; add {error.filename}"
    except jsonschema.ValidationError as error:
        return f"{'.'.join(map(str, error.absolute_path)) or 'object'}: {_shorten(error.message)}"
    except (kubernetes_validate.InvalidSchemaError, kubernetes_validate.SchemaNotFoundError) as error:
        return str(error)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {_shorten(error.message)}"
    return None


def main(arguments: list[str]) -> int:
    """Validate the files against each version, write the result, and return 0."""
    versions, paths = arguments[0].split(","), [Path(word) for word in arguments[1:]]
    checked, faults = 0, []
    for path in paths:
        for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            for version in versions:
                checked += 1
                if fault := _faults(manifest, version):
                    faults.append(f"{path.stem}, Kubernetes {version}: {_name(manifest)}: {fault}")
    sys.stdout.write(json.dumps({"checked": checked, "faults": faults}) + "\n")
    return 0


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.exit(main(sys.argv[1:]))
