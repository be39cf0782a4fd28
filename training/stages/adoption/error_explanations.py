"""Explanations of errors that a pipeline of another version, or one put together by hand, raises during an import."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tabento.adopt.errors import AdoptionError
from tabento.adopt.load import LoadedPipeline
from tabento.adopt.version_breaks import version_remedy
from tabento.errors import TabentoError
from tabento.export import ExportError
from tabento.parity import ParityError


@contextmanager
def explain_errors(problem: str, loaded: LoadedPipeline) -> Iterator[None]:
    """Replace an error without an explanation of its own by one that names the pipeline, the problem and the remedy.

    Raises:
        AdoptionError: the block raised an error that is not Tabento's.
    """
    try:
        yield
    except (TabentoError, ExportError, ParityError):
        raise
    except Exception as error:  # fitted by another version, or put together by hand: any attribute can be missing
        raise AdoptionError(
            f"the pipeline of {loaded.source} is a {type(loaded.pipeline).__name__}, but {problem}:"
            f" {type(error).__name__}: {' '.join(str(error).split()).rstrip('.')}. "
            + remedy_for(
                loaded,
                "Fit and save it again; if that does not help, report it: --verbose shows where it failed.",
                perhaps_rows=isinstance(error, ValueError),
            )
        ) from error


def remedy_for(loaded: LoadedPipeline, otherwise: str, *, perhaps_rows: bool) -> str:
    """Return the remedy for an error of a pipeline: if another version fitted it, the remedy for that."""
    return version_remedy(loaded.fitted_version.foreign, perhaps_rows=perhaps_rows) or otherwise
