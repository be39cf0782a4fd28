"""Loading of a fitted pipeline from a file, if its format is known and the user agrees to the risks of loading.

The first bytes of a file decide its format, not its suffix. A skops file names every type that it would create. Types that
skops does not know as harmless are listed, and nothing is created before the user has named them. A pickle (joblib's files
are pickles) can run any program while it is read, and cannot be checked before. It is opened only if the user says that he
trusts it. The content is read once: the loaded bytes are the checked bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tabento.adopt.archive import SCHEMA_MEMBER, damaged, open_archive
from tabento.adopt.errors import AdoptionError
from tabento.adopt.harmless_types import HARMLESS_TYPES
from tabento.adopt.versions.fitted_version import UNKNOWN, FittedVersion, versions_in_pickle, versions_in_skops
from tabento.adopt.versions.renames import LEGACY_TYPES
from tabento.adopt.versions.schema import current_type, renamed_archive

Kind = Literal["skops", "pickle"]

OWN_TYPES = (
    "tabento.transformers.target_scales.square_of_positive",
    "tabento.transformers.cluster_similarity.ClusterSimilarity",
    "tabento.transformers.ratios.Ratios",
    "tabento.transformers.text_column.TextColumn",
    *LEGACY_TYPES,
)
"""Tabento's own steps, which need no consent: they are already installed."""

FILE_BYTES_MAX = 4 << 30
"""The largest file that is read; its content is held in memory."""

_ZIP = b"PK\x03\x04"
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_COMPRESSED = (b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18")
"""The first bytes of compressed files of joblib: zlib, gzip, bz2, xz, lzma, lz4."""
_LIBRARIES = (
    "catboost",
    "category_encoders",
    "feature_engine",
    "imblearn",
    "lightgbm",
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "xgboost",
)
_TYPE_NAME = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class LoadedPipeline:
    """A pipeline as loaded from its file."""

    pipeline: Any
    kind: Kind
    source: str
    """The file's name without its folder."""
    sha256: str
    """The checksum of the file."""
    remarks: tuple[str, ...]
    """Sentences that the user should read: other versions, trusted types, warnings of the libraries."""
    fitted_version: FittedVersion = UNKNOWN
    """The versions of scikit-learn that fitted its steps."""


def load_pipeline(
    path: Path, *, trust: Collection[str] = (), trust_pickle: bool = False, trust_functions: Collection[str] = ()
) -> LoadedPipeline:
    """Load a fitted pipeline.

    Args:
        path: a file of ``skops.io.dump``, ``joblib.dump`` or ``pickle.dump``.
        trust: full names of types that a skops file may create, in addition to the types that skops trusts.
        trust_pickle: whether a pickle may be opened.
        trust_functions: full names of functions and classes whose code may run; a skops file can name them.

    Raises:
        AdoptionError: the file cannot be read, has another format, is damaged or needs trust that was not given; a class
            or module that it names does not exist.
    """
    content = _content(path)
    kind = kind_of(content, path.name)
    if kind == "skops":
        fitted_version = versions_in_skops(open_archive(content, path.name))
    else:
        fitted_version = versions_in_pickle(content)
    with naming_version(fitted_version, path.name), warnings.catch_warnings(record=True) as warning_list:
        warnings.simplefilter("always")
        if kind == "skops":
            pipeline, remarks = _from_skops(content, path, trust, trust_functions, fitted_version)
        else:
            pipeline, remarks = _from_pickle(content, path, trust_pickle, fitted_version)
        if fitted_version.differs:
            from tabento.adopt.versions.upgrade import upgrade

            _explain_errors(path.name, fitted_version, lambda: upgrade(pipeline))
    if fitted_version.differs:
        remarks = [version_remark(fitted_version), *remarks]
    return LoadedPipeline(
        pipeline=pipeline,
        kind=kind,
        source=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        remarks=(*remarks, *_remarks(warning_list, fitted_version)),
        fitted_version=fitted_version,
    )


@contextmanager
def naming_version(fitted_version: FittedVersion, source: str) -> Iterator[None]:
    """Begin the message of each refusal with the version that the file was fitted with, if it is not the installed one.

    Raises:
        AdoptionError: in place of an ``AdoptionError``, with the same message after the version.
    """
    try:
        yield
    except AdoptionError as error:
        words = fitted_version.words(source)
        fitted = f"fitted with scikit-learn {' and '.join(fitted_version.foreign)}"
        if not words or fitted in str(error).partition(". ")[0].partition(": ")[0]:
            raise
        raise AdoptionError(f"{words}: {error}") from error


def version_remark(fitted_version: FittedVersion) -> str:
    """Return the remark for a pipeline that another version fitted and that was not compared with that version."""
    return (
        f"fitted with scikit-learn {' and '.join(fitted_version.versions)}, read with {fitted_version.installed}: its answers"
        " may differ from its answers there. --sklearn auto compares them with the answers of that"
        " version, --expected with the answers in a file"
    )


def kind_of(content: bytes, source: str) -> Kind:
    """Return the format of a file by its first bytes; the content is not interpreted.

    Raises:
        AdoptionError: it is neither a zip archive nor a pickle, or it is empty.
    """
    if not content:
        raise AdoptionError(f"{source} is empty: expected a pipeline saved with skops.io.dump or joblib.dump.")
    if content.startswith(_ZIP):
        return "skops"
    if _PICKLE.match(content) or content.startswith(_COMPRESSED):
        return "pickle"
    raise AdoptionError(
        f"{source} is neither a skops file nor a joblib or pickle file: it starts with {content[:8]!r}. Save the"
        " fitted pipeline with skops.io.dump(pipeline, 'model.skops')."
    )


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise AdoptionError(f"{path} is not a file, so it cannot be read. Correct --pipeline.")
        if size > FILE_BYTES_MAX:
            raise AdoptionError(
                f"{path} has {size:,} bytes; up to {FILE_BYTES_MAX:,} are read. Fit a smaller pipeline: the served model"
                " must fit into memory several times."
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise AdoptionError(f"there is no file {path}. Correct --pipeline.") from None
    except OSError as error:
        raise AdoptionError(f"{path} cannot be read: {error.strerror}. Correct --pipeline.") from error


def _from_skops(
    content: bytes, path: Path, trust: Collection[str], trust_functions: Collection[str], fitted_version: FittedVersion
) -> tuple[Any, list[str]]:
    """Audit a skops file, then load it."""
    import skops.io  # its import searches all of scikit-learn, so it is imported only if it is needed

    malformed = [name for name in trust if not _TYPE_NAME.fullmatch(name)]
    if malformed:
        raise AdoptionError(
            f"--trust {malformed[0]!r} is not the name of a type: expected a name like mypackage.steps.MyStep."
        )
    remarks = _check_schema(open_archive(content, path.name), path.name, fitted_version)
    content = _explain_errors(path.name, fitted_version, lambda: renamed_archive(content))
    trust = [current_type(name) for name in trust]
    untrusted = _explain_errors(
        path.name,
        fitted_version,
        lambda: set(skops.io.get_untrusted_types(data=content)) - {*OWN_TYPES, *HARMLESS_TYPES},
    )
    open_types = sorted(untrusted - {*trust, *trust_functions})
    if open_types:
        raise AdoptionError(_untrusted_message(path.name, open_types, sorted(untrusted)))
    trusted = [*OWN_TYPES, *HARMLESS_TYPES, *sorted(untrusted)]
    pipeline = _explain_errors(path.name, fitted_version, lambda: skops.io.loads(content, trusted=trusted))
    if untrusted:
        remarks.append(f"trusted because you said so: {', '.join(sorted(untrusted))}")
    unused = sorted(set(trust) - untrusted)
    if unused:
        remarks.append(f"--trust {' '.join(unused)} was not needed: the file creates no such type, or it is harmless")
    return pipeline, remarks


def _untrusted_message(source: str, open_types: Sequence[str], untrusted: Sequence[str]) -> str:
    lines = "\n".join(f"  {name}: {_type_description(name)}" for name in open_types)
    return (
        f"{source} would create {len(open_types)} type{'' if len(open_types) == 1 else 's'} that skops does not know as"
        f" harmless; nothing was loaded:\n{lines}\n"
        "Each created object runs its own code. If you trust the source of the file and each of these types, add\n"
        f"  {' '.join(f'--trust {shlex.quote(name)}' for name in untrusted)}"
    )


def _type_description(name: str) -> str:
    """Return a description of a type, for the user's decision to trust it."""
    from skops.io.exceptions import UNTRUSTED_TYPE_REASONS

    package = name.partition(".")[0]
    if name in UNTRUSTED_TYPE_REASONS:
        return f"part of {package}, which does not check its content: a crafted file can crash the process"
    if package in _LIBRARIES:
        return f"part of {package}"
    return "not part of a known library: read its code first"


def _check_schema(archive: zipfile.ZipFile, source: str, fitted_version: FittedVersion) -> list[str]:
    """Check the description in a skops file, which must be JSON, and return a remark if another skops wrote it."""
    import skops

    schema = _explain_errors(source, fitted_version, lambda: json.loads(archive.read(SCHEMA_MEMBER)))
    if not isinstance(schema, dict) or "__loader__" not in schema or "protocol" not in schema:
        raise AdoptionError(f"{source} is not a skops file: its {SCHEMA_MEMBER} does not describe an object.")
    skops_version = schema.get("_skops_version")
    return (
        []
        if skops_version in (None, skops.__version__)
        else [f"written with skops {skops_version}, read with {skops.__version__}"]
    )


def _from_pickle(content: bytes, path: Path, trusted: bool, fitted_version: FittedVersion) -> tuple[Any, list[str]]:
    """Open a pickle if the user trusts it."""
    if not trusted:
        raise AdoptionError(
            f"{path.name} is a joblib or pickle file and was not opened: while such a file is read it can run any"
            " program with your rights, and it cannot be checked before. Better: where the pipeline was fitted, save"
            " it with skops.io.dump(pipeline, 'model.skops'). If you made the file yourself, or trust its author as you"
            " would trust a program of the author, say --i-trust-this-file."
        )
    from tabento.adopt.versions.unpickler import load_renamed

    pipeline = _explain_errors(path.name, fitted_version, lambda: load_renamed(content))
    return pipeline, [f"{path.name} was opened as a pickle, because you said that you trust it"]


def _explain_errors(source: str, fitted_version: FittedVersion, read: Callable[[], Any]) -> Any:
    """Run a reader, and explain any error that a damaged or foreign file causes."""
    try:
        return read()
    except AdoptionError:
        raise
    except ModuleNotFoundError as error:
        if fitted_version.differs and _is_of_sklearn(error.name):
            raise _unknown_to_installed(source, fitted_version, f"the module {error.name}") from error
        raise AdoptionError(
            f"{source} needs the module {error.name!r}, which is not installed here. Install the package that it was"
            " fitted with, or put the folder with your own steps into PYTHONPATH."
        ) from error
    except AttributeError as error:
        owner = getattr(error.obj, "__name__", None)
        if fitted_version.differs and _is_of_sklearn(owner):
            raise _unknown_to_installed(source, fitted_version, f"{owner}.{error.name}") from error
        raise AdoptionError(
            f"{source} names a class or function that does not exist: {error}. Steps of your own must be importable here"
            " under the same name, not from a notebook or __main__: put them into a module, and its folder into"
            " PYTHONPATH."
            + (
                ""
                if fitted_version.versions
                else " Or the file is damaged, or comes from other versions of the libraries."
            )
        ) from error
    except MemoryError:
        raise AdoptionError(f"{source} needs more memory than is available: it is damaged, or too large.") from None
    except (
        Exception
    ) as error:  # a damaged file makes its reader raise anything: zlib.error, KeyError, UnpicklingError …
        raise damaged(source, error) from error


def _is_of_sklearn(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == "sklearn"


def _unknown_to_installed(source: str, fitted_version: FittedVersion, name: str) -> AdoptionError:
    """Return the error for a name of scikit-learn that the installed version does not have and no legacy class replaces."""
    return AdoptionError(
        f"{source} needs {name}, which scikit-learn {fitted_version.installed} does not have and Tabento does not replace."
        f" Fit the pipeline again with scikit-learn {fitted_version.installed} and save that."
    )


def _remarks(warning_list: Sequence[warnings.WarningMessage], fitted_version: FittedVersion) -> list[str]:
    """Return the libraries' warnings during loading, without the version that the file itself names."""
    from sklearn.exceptions import InconsistentVersionWarning

    remarks = []
    for warning in warning_list:
        message = warning.message
        if isinstance(message, InconsistentVersionWarning):
            if message.original_sklearn_version in fitted_version.versions:
                continue
            remark = (
                f"fitted with scikit-learn {message.original_sklearn_version}, read with"
                f" {message.current_sklearn_version}: its answers may differ from its answers there;"
                " compare some before you rely on it"
            )
        else:
            remark = f"{type(message).__name__}: {' '.join(str(message).split())}"
        if remark not in remarks:
            remarks.append(remark)
    return remarks
