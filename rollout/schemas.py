"""JSON schemas of a change and of the document, without references, for the service's OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from rollout.document import RolloutDocument
from rollout.requests import ChangeRequest

DEFINITIONS = "#/$defs/"


@cache
def request_schema() -> dict[str, Any]:
    """Return the JSON schema of a change."""
    schema = TypeAdapter[Any](ChangeRequest).json_schema(by_alias=True)
    schema.pop("discriminator", None)  # its mapping names the definitions
    return _without_references(schema)


@cache
def document_schema() -> dict[str, Any]:
    """Return the JSON schema of the rollout document."""
    return _without_references(RolloutDocument.model_json_schema())


def _without_references(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.pop("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, list):
            return [resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref", "")
        if reference.startswith(DEFINITIONS):
            rest = {key: item for key, item in value.items() if key != "$ref"}
            return resolve({**definitions[reference.removeprefix(DEFINITIONS)], **rest})
        return {key: resolve(item) for key, item in value.items()}

    resolved: dict[str, Any] = resolve(schema)
    return resolved
