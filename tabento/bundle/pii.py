"""The mark of fields with personal values (PII) in a contract.

The model still receives the values of a marked field, and an identifier is still echoed in the answer. They are not written anywhere
else: not to the prediction log, to other logs, to error messages, to metrics or to traces.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

PiiTreatment: TypeAlias = Literal["drop", "hash"]
"""``drop``: the prediction log does not have the value. ``hash``: the log has a keyed hash of it, see the serving setting
``private_hash_key``. A service without that key drops the value."""
