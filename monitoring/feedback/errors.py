"""The error of the store of feedback."""

from __future__ import annotations


class FeedbackStoreError(Exception):
    """The store of feedback cannot be used now; nothing of the transaction was stored.

    The message is for operators and clients: without a path, an address or a secret.
    """
