"""A config's own transformers: the class is imported from beside the config or from what is installed, and checked.

It is done when the config is read, so that a class that cannot be served is refused before any data is. The checksum of the
code becomes part of the config, and with it of everything that is made from it: changed code is another model.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from training.config.features import CustomTransformer
from training.config.types import ConfigError

if TYPE_CHECKING:
    from training.config.model import ModelConfig

METHODS = ("fit", "transform", "get_feature_names_out", "get_params", "write_graph")
"""What a class needs: scikit-learn's methods of a transformer, and the one that writes it into the graph."""
HOW_TO = (
    "Derive it from sklearn.base.BaseEstimator and TransformerMixin, and write `def write_graph(self, pen, columns)`,"
    " which adds the nodes that compute what `transform` does and returns their columns; docs/configs.md has an example."
)


def with_custom_code(config: ModelConfig) -> ModelConfig:
    """Import and check each of ``derived.custom``, and return the config with the checksums of their code.

    Raises:
        ConfigError: a class cannot be imported, lacks a method or cannot be made with its parameters, or its code is not
            that of the checksum in the config. The message has the line of the config.
    """
    if not config.derived.custom:
        return config
    folder = config.text.path.parent if config.text.path is not None else None
    pinned = []
    for place, entry in enumerate(config.derived.custom):
        try:
            found = load_class(entry.transformer, folder)
            _check(found, entry)
            sha256 = _code_sha256(found, entry)
            if entry.sha256 not in (None, sha256):
                raise ConfigError(
                    f"{entry.transformer} was expected to have the checksum {entry.sha256}, and has {sha256}: the code has"
                    " changed. Take the key `sha256` away to use the code as it is."
                )
        except ConfigError as error:
            where = config.text.where(("derived", "custom", place, "transformer"))
            raise ConfigError(f"{where}{': ' if where else ''}derived.custom.{place}: {error}") from error.__cause__
        pinned.append(entry.model_copy(update={"sha256": sha256}))
    derived = config.derived.model_copy(update={"custom": tuple(pinned)})
    return config.model_copy(update={"derived": derived})


def module_folder(config: ModelConfig) -> Path | None:
    """Return the folder from which a config's own classes may come, None if it has no such classes or no file."""
    path = config.text.path
    return path.parent.resolve() if path is not None and config.derived.custom else None


def load_class(name: str, folder: Path | None) -> type[Any]:
    """Import a class.

    Args:
        name: ``module:Class``.
        folder: where the config is; a module there is found although it is not installed. None: only installed ones.

    Raises:
        ConfigError: there is no such module or class, the module's name is taken, or it fails when it is imported.
    """
    module_name, _, class_name = name.partition(":")
    top = module_name.partition(".")[0]
    if folder is not None and _is_beside(folder, top):
        _make_importable(folder.resolve(), top)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise ConfigError(f"{module_name} cannot be imported: {error}. Install what it needs.") from error
        beside = f"beside the config ({folder})" if folder is not None else "beside a config"
        raise ConfigError(
            f"there is no module {error.name!r} {beside}, and none is installed. Expected the form `module:Class`, with"
            f" {top}.py in the config's folder."
        ) from error
    except Exception as error:
        raise ConfigError(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = sorted(key for key, value in vars(module).items() if _is_own_class(value, module))
        raise ConfigError(f"{module_name} has no class {class_name!r}; it has {classes or 'none'}")
    return found


def _is_beside(folder: Path, top: str) -> bool:
    return (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()


def _make_importable(folder: Path, top: str) -> None:
    """Let a module of the folder be imported by its name, now and when a fitted pipeline is read.

    Raises:
        ConfigError: another module has the name.
    """
    if top not in sys.modules and str(folder) not in sys.path:
        importlib.invalidate_caches()
        _refuse_other(find_spec(top), folder, top)
        # Behind all others: a file beside a config never takes the place of a library.
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    _refuse_other(sys.modules[top].__spec__ if top in sys.modules else find_spec(top), folder, top)


def _refuse_other(spec: Any, folder: Path, top: str) -> None:
    if spec is None:
        return
    origin = spec.origin or "a module of Python"
    if not spec.has_location or folder not in Path(origin).resolve().parents:
        raise ConfigError(
            f"the name {top!r} is taken by {origin}; give {folder / top} another name, such as {top}_features"
        )


def _is_own_class(value: Any, module: ModuleType) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__


def _check(found: type[Any], entry: CustomTransformer) -> None:
    missing = [method for method in METHODS if not callable(getattr(found, method, None))]
    if missing:
        raise ConfigError(f"{entry.transformer} has no {', '.join(f'`{method}`' for method in missing)}. {HOW_TO}")
    try:
        found(**entry.params)
    except Exception as error:
        raise ConfigError(
            f"{entry.transformer} cannot be made with the parameters {dict(entry.params)}: {type(error).__name__}: {error}"
        ) from error


def _code_sha256(found: type[Any], entry: CustomTransformer) -> str:
    """Return a checksum over the code of the module that is named and of the one that defines the class.

    Of a package every Python file counts; of a module outside a package that file.
    """
    digest = hashlib.sha256()
    for top in sorted({name.partition(".")[0] for name in (entry.transformer.partition(":")[0], found.__module__)}):
        origin = getattr(sys.modules[top], "__file__", None)
        if origin is None:
            continue
        path = Path(origin)
        files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
        for file in files:
            name = file.relative_to(path.parent).as_posix()
            digest.update(f"{top}/{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
