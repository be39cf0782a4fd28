"""Loading: a file becomes a fitted pipeline, if its kind can be judged and its user has agreed to what loading may do.

What a file is, is read off its first bytes; its suffix says nothing. A skops file names every type it would create:
those that skops does not know as harmless are listed, and nothing is created before its user has named them. A pickle
(joblib's files are pickles) can run any program while it is read, and nothing can be told of it before: it is opened
only by a user who says that he trusts it. The content is read once, so that what was judged is what is loaded.
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

from training.adoption.archive import SCHEMA_MEMBER, damaged, open_archive
from training.adoption.errors import AdoptionError
from training.adoption.harmless_types import HARMLESS_TYPES
from training.adoption.versions.fitted_with import UNKNOWN, FittedWith, versions_in_pickle, versions_in_skops
from training.adoption.versions.renames import STAND_IN_TYPES
from training.adoption.versions.schema import current_type, renamed_archive

Kind = Literal["skops", "pickle"]

OWN_TYPES = (
    "training.pipeline.square_of_positive",
    "training.transformers.cluster_similarity.ClusterSimilarity",
    "training.transformers.ratios.Ratios",
    "training.transformers.text_column.TextColumn",
    *STAND_IN_TYPES,
)
"""Tabento's own steps, which need no consent: they are installed here already."""

FILE_BYTES_MAX = 4 << 30
"""The largest file that is read; its content is held in memory."""

_ZIP = b"PK\x03\x04"
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_COMPRESSED = (b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18")
"""How the compressed files start that joblib writes: zlib, gzip, bz2, xz, lzma, lz4."""
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
class Loaded:
    """A pipeline as it came out of its file."""

    pipeline: Any
    kind: Kind
    source: str
    """The file's name without its folder."""
    sha256: str
    """The checksum of the file."""
    remarks: tuple[str, ...]
    """What a person should know: other versions, trusted types, warnings of the libraries. One sentence each."""
    fitted_with: FittedWith = UNKNOWN
    """The versions of scikit-learn that its steps were fitted with."""


def load_pipeline(
    path: Path, *, trust: Collection[str] = (), trust_pickle: bool = False, trust_functions: Collection[str] = ()
) -> Loaded:
    """Load a fitted pipeline.

    Args:
        path: a file of ``skops.io.dump``, ``joblib.dump`` or ``pickle.dump``.
        trust: full names of the types, beyond those that skops trusts, that a skops file may create.
        trust_pickle: whether a pickle may be opened, whatever it does.
        trust_functions: full names of functions and classes whose code may be run, so that a skops file may name them.

    Raises:
        AdoptionError: the file cannot be read, is no such file, is damaged or needs trust that was not given; a class
            or module that it names is not there.
    """
    content = _content(path)
    kind = kind_of(content, path.name)
    if kind == "skops":
        fitted_with = versions_in_skops(open_archive(content, path.name))
    else:
        fitted_with = versions_in_pickle(content)
    with telling_version(fitted_with, path.name), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if kind == "skops":
            pipeline, remarks = _from_skops(content, path, trust, trust_functions, fitted_with)
        else:
            pipeline, remarks = _from_pickle(content, path, trust_pickle, fitted_with)
        if fitted_with.differs:
            from training.adoption.versions.upgrade import upgrade

            _guarded(path.name, fitted_with, lambda: upgrade(pipeline))
    if fitted_with.differs:
        remarks = [version_remark(fitted_with), *remarks]
    return Loaded(
        pipeline=pipeline,
        kind=kind,
        source=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        remarks=(*remarks, *_remarks(caught, fitted_with)),
        fitted_with=fitted_with,
    )


@contextmanager
def telling_version(fitted_with: FittedWith, source: str) -> Iterator[None]:
    """Begin the message of each refusal with the version that the file was fitted with, if it is not the installed one.

    Raises:
        AdoptionError: in place of an ``AdoptionError``, with the same message behind the version.
    """
    try:
        yield
    except AdoptionError as error:
        words = fitted_with.words(source)
        fitted = f"fitted with scikit-learn {' and '.join(fitted_with.foreign)}"
        if not words or fitted in str(error).partition(". ")[0].partition(": ")[0]:
            raise
        raise AdoptionError(f"{words}: {error}") from error


def version_remark(fitted_with: FittedWith) -> str:
    """Return what to know of a pipeline that another version has fitted and nobody has compared with it."""
    return (
        f"fitted with scikit-learn {' and '.join(fitted_with.versions)}, read with {fitted_with.installed}: its answers"
        " may differ from those of where it was fitted. --sklearn auto compares them with those of that"
        " version, --expected with those in a file"
    )


def kind_of(content: bytes, source: str) -> Kind:
    """Tell what a file is from its first bytes; nothing of it is interpreted.

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
            raise AdoptionError(f"{path} is no file, so it cannot be read. Correct --pipeline.")
        if size > FILE_BYTES_MAX:
            raise AdoptionError(
                f"{path} has {size:,} bytes; up to {FILE_BYTES_MAX:,} are read. Fit a smaller pipeline: what is served"
                " has to fit into memory several times."
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise AdoptionError(f"there is no file {path}. Correct --pipeline.") from None
    except OSError as error:
        raise AdoptionError(f"{path} cannot be read: {error.strerror}. Correct --pipeline.") from error


def _from_skops(
    content: bytes, path: Path, trust: Collection[str], trust_functions: Collection[str], fitted_with: FittedWith
) -> tuple[Any, list[str]]:
    """Audit a skops file, then load it."""
    import skops.io  # it looks through all of scikit-learn when it is imported: only where it is needed

    malformed = [name for name in trust if not _TYPE_NAME.fullmatch(name)]
    if malformed:
        raise AdoptionError(f"--trust {malformed[0]!r} is no type's name: expected one like mypackage.steps.MyStep.")
    remarks = _check_schema(open_archive(content, path.name), path.name, fitted_with)
    content = _guarded(path.name, fitted_with, lambda: renamed_archive(content))
    trust = [current_type(name) for name in trust]
    untrusted = _guarded(
        path.name, fitted_with, lambda: set(skops.io.get_untrusted_types(data=content)) - {*OWN_TYPES, *HARMLESS_TYPES}
    )
    open_types = sorted(untrusted - {*trust, *trust_functions})
    if open_types:
        raise AdoptionError(_untrusted_message(path.name, open_types, sorted(untrusted)))
    trusted = [*OWN_TYPES, *HARMLESS_TYPES, *sorted(untrusted)]
    pipeline = _guarded(path.name, fitted_with, lambda: skops.io.loads(content, trusted=trusted))
    if untrusted:
        remarks.append(f"trusted because you said so: {', '.join(sorted(untrusted))}")
    unused = sorted(set(trust) - untrusted)
    if unused:
        remarks.append(f"--trust {' '.join(unused)} was not needed: the file creates no such type, or it is harmless")
    return pipeline, remarks


def _untrusted_message(source: str, open_types: Sequence[str], untrusted: Sequence[str]) -> str:
    lines = "\n".join(f"  {name}: {_what_is(name)}" for name in open_types)
    return (
        f"{source} would create {len(open_types)} type{'' if len(open_types) == 1 else 's'} that skops does not know as"
        f" harmless; nothing was loaded:\n{lines}\n"
        "What is created runs its own code. If you trust where the file comes from, and each of these, add\n"
        f"  {' '.join(f'--trust {shlex.quote(name)}' for name in untrusted)}"
    )


def _what_is(name: str) -> str:
    """Say what a person should know about a type before trusting it."""
    from skops.io.exceptions import UNTRUSTED_TYPE_REASONS

    package = name.partition(".")[0]
    if name in UNTRUSTED_TYPE_REASONS:
        return f"part of {package}, which does not check its content: a crafted file can crash the process"
    if package in _LIBRARIES:
        return f"part of {package}"
    return "no part of a library that is known here: read its code first"


def _check_schema(archive: zipfile.ZipFile, source: str, fitted_with: FittedWith) -> list[str]:
    """Look at the description that a skops file carries: it must be JSON, and it tells who wrote it."""
    import skops

    schema = _guarded(source, fitted_with, lambda: json.loads(archive.read(SCHEMA_MEMBER)))
    if not isinstance(schema, dict) or "__loader__" not in schema or "protocol" not in schema:
        raise AdoptionError(f"{source} is no skops file: its {SCHEMA_MEMBER} does not describe an object.")
    written = schema.get("_skops_version")
    return (
        [] if written in (None, skops.__version__) else [f"written with skops {written}, read with {skops.__version__}"]
    )


def _from_pickle(content: bytes, path: Path, trusted: bool, fitted_with: FittedWith) -> tuple[Any, list[str]]:
    """Open a pickle, if its user wants that."""
    if not trusted:
        raise AdoptionError(
            f"{path.name} is a joblib or pickle file and was not opened: while such a file is read it can run any"
            " program with your rights, and nothing can be told of it before. Better: where the pipeline was fitted, save"
            " it with skops.io.dump(pipeline, 'model.skops'). If you made the file yourself, or trust whoever did as you"
            " would trust a program of theirs, say --i-trust-this-file."
        )
    from training.adoption.versions.unpickler import load_renamed

    pipeline = _guarded(path.name, fitted_with, lambda: load_renamed(content))
    return pipeline, [f"{path.name} was opened as a pickle, because you said that you trust it"]


def _guarded(source: str, fitted_with: FittedWith, read: Callable[[], Any]) -> Any:
    """Run a reader; whatever a damaged or foreign file provokes in it is told in words."""
    try:
        return read()
    except AdoptionError:
        raise
    except ModuleNotFoundError as error:
        if fitted_with.differs and _is_of_sklearn(error.name):
            raise _unknown_to_installed(source, fitted_with, f"the module {error.name}") from error
        raise AdoptionError(
            f"{source} needs the module {error.name!r}, which is not installed here. Install the package that it was"
            " fitted with, or put the folder with your own steps into PYTHONPATH."
        ) from error
    except AttributeError as error:
        owner = getattr(error.obj, "__name__", None)
        if fitted_with.differs and _is_of_sklearn(owner):
            raise _unknown_to_installed(source, fitted_with, f"{owner}.{error.name}") from error
        raise AdoptionError(
            f"{source} names a class or function that is not there: {error}. Steps of your own must be importable here"
            " under the same name, not from a notebook or __main__: put them into a module, and its folder into"
            " PYTHONPATH."
            + (
                ""
                if fitted_with.versions
                else " Or the file is damaged, or comes from other versions of the libraries."
            )
        ) from error
    except MemoryError:
        raise AdoptionError(f"{source} asks for more memory than there is: it is damaged, or too large.") from None
    except (
        Exception
    ) as error:  # a damaged file makes its reader raise anything: zlib.error, KeyError, UnpicklingError …
        raise damaged(source, error) from error


def _is_of_sklearn(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == "sklearn"


def _unknown_to_installed(source: str, fitted_with: FittedWith, name: str) -> AdoptionError:
    """Return the error for a name of scikit-learn that the installed version does not have and no stand-in replaces."""
    return AdoptionError(
        f"{source} needs {name}, which scikit-learn {fitted_with.installed} does not have and Tabento does not replace."
        f" Fit the pipeline again with scikit-learn {fitted_with.installed} and save that."
    )


def _remarks(caught: Sequence[warnings.WarningMessage], fitted_with: FittedWith) -> list[str]:
    """Say what the libraries warned of while loading; a version that the file itself names is not repeated."""
    from sklearn.exceptions import InconsistentVersionWarning

    remarks = []
    for warning in caught:
        message = warning.message
        if isinstance(message, InconsistentVersionWarning):
            if message.original_sklearn_version in fitted_with.versions:
                continue
            remark = (
                f"fitted with scikit-learn {message.original_sklearn_version}, read with"
                f" {message.current_sklearn_version}: its answers may differ from those of where it was fitted;"
                " compare some before you rely on it"
            )
        else:
            remark = f"{type(message).__name__}: {' '.join(str(message).split())}"
        if remark not in remarks:
            remarks.append(remark)
    return remarks
