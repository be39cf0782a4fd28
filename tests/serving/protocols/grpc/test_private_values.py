"""Private values in requests over gRPC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tritonclient.grpc as triton

from serving.settings import ServingSettings
from tests.serving.protocols.grpc.grpc_service import serve_both
from tests.serving.test_private_values import CONTRACT, NUMBER, PLANTED, ROW, TEXT, tensors


def errors_of(target: str) -> list[str]:
    """Send a wrong value in each field; return the texts of the errors."""
    errors = []
    with triton.InferenceServerClient(target) as client:
        for name in ROW:
            inputs = []
            for tensor in tensors():
                value, datatype = tensor["data"][0], tensor["datatype"]
                if tensor["name"] == name:
                    value, datatype = (NUMBER, "FP64") if datatype == "BYTES" else (TEXT, "BYTES")
                array = np.array([[value.encode() if datatype == "BYTES" else value]])
                array = array.astype({"BYTES": np.object_, "BOOL": np.bool_, "FP64": np.float64}[datatype])
                inputs.append(triton.InferInput(tensor["name"], [1, 1], datatype))
                inputs[-1].set_data_from_numpy(array)
            try:
                client.infer(CONTRACT.name, inputs)
            except triton.InferenceServerException as error:
                errors.append(str(error))
    return errors


def test_errors_over_grpc_have_no_private_value(tmp_path: Path) -> None:
    """The message names the field and the kind of the value."""
    settings = ServingSettings(slo_p99_ms=60_000, private_fields=CONTRACT.field_names)
    with serve_both(tmp_path, settings, CONTRACT) as service:
        errors = errors_of(service.target)
    assert len(errors) >= 8
    assert all("a private" in error for error in errors)
    assert not any(planted in error for error in errors for planted in PLANTED)
