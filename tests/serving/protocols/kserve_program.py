"""A program with KServe's own REST client, unmodified; it runs in the environment of ``requirements/kserve.txt``.

Its input is a JSON object with the address, the model and the rows; its output one with the answers of the client.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

NUMPY_TYPES: dict[str, Any] = {"BOOL": np.bool_, "INT64": np.int64, "FP64": np.float64, "BYTES": np.object_}


def make_input(name: str, datatype: str, values: list[Any], *, binary: bool) -> InferInput:
    """Return one input of the client."""
    array = np.array([[np.nan if value is None else value] for value in values], NUMPY_TYPES[datatype])
    tensor = InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


async def run(task: dict[str, Any]) -> dict[str, Any]:
    """Call each method of the client once, and return their results."""
    base_url, model, types, rows = (task[key] for key in ("address", "model", "types", "rows"))
    answers: dict[str, Any] = {}
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        answers["live"] = await client.is_server_live(base_url)
        answers["ready"] = await client.is_server_ready(base_url)
        answers["model_ready"] = await client.is_model_ready(base_url, model)
        for binary in (False, True):
            inputs = [make_input(name, types[name], [row[name] for row in rows], binary=binary) for name in types]
            request = InferRequest(model, inputs, request_id="7", parameters={"binary_data_output": binary})
            response = await client.infer(base_url, request, model_name=model)
            answers[f"binary {binary}"] = [response.id, response.outputs[0].as_numpy().tolist()]
        try:
            await client.infer(base_url, InferRequest(model, inputs[1:]), model_name=model)
        except Exception as error:
            answers["error"] = str(error)
    return answers


if __name__ == "__main__":
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)
