"""The Python modules of the gRPC protocol, generated from their ``.proto`` file: ``make grpc-code``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parents[1] / "serving" / "protocols" / "grpc"
"""The folder of the ``.proto`` file and of the generated modules."""
PROTO = "open_inference.proto"
GENERATED = ("open_inference_pb2.py", "open_inference_pb2.pyi")
_SHARED_POOL = "_descriptor_pool.Default()"
_OWN_POOL = "_descriptor_pool.DescriptorPool()"


class GenerationError(Exception):
    """The compiler failed, or its output has changed."""


def generate() -> dict[str, str]:
    """Return the text of each generated module.

    All programs of one process share a pool of messages, and each name exists in it once. Clients of the protocol define
    the same names, so the module gets a pool of its own.

    Raises:
        GenerationError: the compiler failed, or writes modules in another form.
    """
    from grpc_tools import protoc  # only `make grpc-code` and its test need the compiler

    with TemporaryDirectory() as folder:
        code = protoc.main(
            ["protoc", f"--proto_path={FOLDER}", f"--python_out={folder}", f"--pyi_out={folder}", str(FOLDER / PROTO)]
        )
        if code:
            raise GenerationError(f"the compiler ended with {code}; see the lines above")
        texts = {name: (Path(folder) / name).read_text(encoding="utf-8") for name in GENERATED}
    module = texts[GENERATED[0]]
    if module.count(_SHARED_POOL) != 1:
        raise GenerationError(f"expected {_SHARED_POOL} once in {GENERATED[0]}, got {module.count(_SHARED_POOL)}")
    texts[GENERATED[0]] = module.replace(_SHARED_POOL, _OWN_POOL)
    return texts


def main() -> None:
    """Write the generated modules beside the ``.proto`` file."""
    for name, text in generate().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
