"""A config's custom transformers: the class is imported from the config's folder or from an installed package, and checked.

The check runs when the config is read, so that a class that cannot be served is refused before the data is read. The
checksum of the code becomes part of the config and of everything that is built from it: changed code is another model.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tabento.bundle.checksums import files_sha256
from training.config.features import CustomTransformer
from training.config.types import ConfigError

if TYPE_CHECKING:
    from training.config.model import ModelConfig

METHODS = ("fit", "transform", "get_feature_names_out", "get_params", "write_graph")
"""The methods that a class needs: those of a scikit-learn transformer, and the method that writes it into the graph."""
HOW_TO = (
    "Derive it from sklearn.base.BaseEstimator and TransformerMixin, and write `def write_graph(self, writer, columns)`,"
    " which adds the nodes that compute what `transform` does and returns their columns; docs/configs.md has an example."
)


def with_custom_code(config: ModelConfig) -> ModelConfig:
    """Import and check each of ``derived.custom``, and return the config with the checksums of their code.

    Raises:
        ConfigError: a class cannot be imported, lacks a method or cannot be created with its parameters, or the checksum
            of its code differs from the one in the config. The message has the line of the config.
    """
    if not config.derived.custom:
        return config
    folder = config.text.path.parent if config.text.path is not None else None
    pinned = []
    for index, entry in enumerate(config.derived.custom):
        try:
            custom_class = load_class(entry.transformer, folder)
            _check(custom_class, entry)
            sha256 = _code_sha256(custom_class, entry)
            if entry.sha256 not in (None, sha256):
                raise ConfigError(
                    f"{entry.transformer} was expected to have the checksum {entry.sha256}, and has {sha256}: the code has"
                    " changed. Take the key `sha256` away to use the code as it is."
                )
        except ConfigError as error:
            where = config.text.where(("derived", "custom", index, "transformer"))
            raise ConfigError(f"{where}{': ' if where else ''}derived.custom.{index}: {error}") from error.__cause__
        pinned.append(entry.model_copy(update={"sha256": sha256}))
    derived = config.derived.model_copy(update={"custom": tuple(pinned)})
    return config.model_copy(update={"derived": derived})


def module_folder(config: ModelConfig) -> Path | None:
    """Return the folder of a config's custom classes, None if it has no such classes or no file."""
    path = config.text.path
    return path.parent.resolve() if path is not None and config.derived.custom else None


def load_class(name: str, folder: Path | None) -> type[Any]:
    """Import a class.

    Args:
        name: ``module:Class``.
        folder: the config's folder; its modules can be imported without being installed. None: only installed modules.

    Raises:
        ConfigError: the module or class does not exist, the module's name is taken, or its import fails.
    """
    module_name, _, class_name = name.partition(":")
    top = module_name.partition(".")[0]
    if folder is not None and _is_in_folder(folder, top):
        _make_importable(folder.resolve(), top)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise ConfigError(f"{module_name} cannot be imported: {error}. Install the missing module.") from error
        expected_folder = f"in the config's folder ({folder})" if folder is not None else "in a config's folder"
        raise ConfigError(
            f"there is no module {error.name!r} {expected_folder}, and none is installed. Expected the form `module:Class`, with"
            f" {top}.py in the config's folder."
        ) from error
    except Exception as error:
        raise ConfigError(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from error
    custom_class = getattr(module, class_name, None)
    if not isinstance(custom_class, type):
        classes = sorted(key for key, value in vars(module).items() if _is_own_class(value, module))
        raise ConfigError(f"{module_name} has no class {class_name!r}; it has {classes or 'none'}")
    return custom_class


def _is_in_folder(folder: Path, top: str) -> bool:
    return (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()


def _make_importable(folder: Path, top: str) -> None:
    """Let a module of the folder be imported by its name, now and when a fitted pipeline is read.

    Raises:
        ConfigError: another module has the name.
    """
    if top not in sys.modules and str(folder) not in sys.path:
        importlib.invalidate_caches()
        _refuse_other(find_spec(top), folder, top)
        # Last in the search path: a file in the config's folder never replaces a library.
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


def _check(custom_class: type[Any], entry: CustomTransformer) -> None:
    missing = [method for method in METHODS if not callable(getattr(custom_class, method, None))]
    if missing:
        raise ConfigError(f"{entry.transformer} has no {', '.join(f'`{method}`' for method in missing)}. {HOW_TO}")
    try:
        custom_class(**entry.params)
    except Exception as error:
        raise ConfigError(
            f"{entry.transformer} cannot be made with the parameters {dict(entry.params)}: {type(error).__name__}: {error}"
        ) from error


def _code_sha256(custom_class: type[Any], entry: CustomTransformer) -> str:
    """Return a checksum over the code of the module that is named and of the one that defines the class.

    Of a package every Python file counts; of a module outside a package that file.
    """
    files: dict[str, Path] = {}
    for top in sorted(
        {name.partition(".")[0] for name in (entry.transformer.partition(":")[0], custom_class.__module__)}
    ):
        origin = getattr(sys.modules[top], "__file__", None)
        if origin is None:
            continue
        path = Path(origin)
        for file in sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]:
            files[f"{top}/{file.relative_to(path.parent).as_posix()}"] = file
    return files_sha256(files)
