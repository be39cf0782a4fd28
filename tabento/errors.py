"""The base of all errors that Tabento raises on purpose, and the error of saving.

The other errors are subclasses of ``TabentoError`` in the modules that raise them (``tabento.export.errors``,
``tabento.adopt.errors``, ``training.errors``). A command catches the base class and prints the message; it does not
need to import the modules that raise.
"""

from __future__ import annotations


class TabentoError(Exception):
    """Tabento cannot continue. The message gives the reason and the remedy."""


class SaveError(TabentoError):
    """A checked model could not be stored, or its stored copy answers differently from the pipeline. Nothing is stored."""
