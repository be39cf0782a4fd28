"""The example of docs/grpc.md runs, and its table of statuses is complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from serving.protocols.grpc.statuses import STATUSES
from tests.bundles import TREE, linear_answer, orchard_contract
from tests.serving.protocols.grpc.grpc_service import GrpcService

DOCUMENT = (Path(__file__).parents[4] / "docs" / "grpc.md").read_text(encoding="utf-8")


def test_the_example_runs(service: GrpcService) -> None:
    """The example of a client gets the prediction, here with the row of another model."""
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    code = code.replace("127.0.0.1:3001", service.target).replace("california", "orchard")
    tree = {**TREE, "slope": float("nan")}
    code = re.sub(r"^row = \{.*?^\}", "row = tree", code, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"tree": tree}
    exec(compile(code, "docs/grpc.md", "exec"), names)  # noqa: S102 - the code of the document under test
    names["client"].close()
    assert names["result"].as_numpy("apples").tolist() == [linear_answer(TREE, orchard_contract())]


def test_the_table_has_every_status() -> None:
    """Each status of the table of statuses is in the document with its name."""
    rows = re.findall(r"^\| ([0-9, ]+) \| ([A-Z_]+) \|", DOCUMENT, re.MULTILINE)
    documented = {int(status): name for statuses, name in rows for status in statuses.split(",")}
    assert {status: code.name for status, code in STATUSES.items()}.items() <= documented.items()
