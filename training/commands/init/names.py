"""The meaning of a column's name: identifiers, codes or dates."""

from __future__ import annotations

import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_OWNED = {"id", "ids", "uuid", "guid", "pid", "sku", "hash"}
_COUNTED = {"key", "number", "no", "nr", "num", "index", "rownumber", "row"}
_IDENTIFIER_ENDS = ("id", "uuid", "guid")
_CODES = {
    "id",
    "ids",
    "code",
    "codes",
    "zone",
    "zip",
    "zipcode",
    "postcode",
    "postal",
    "plz",
    "type",
    "class",
    "category",
    "district",
    "branch",
    "pin",
}
_DATES = {"date", "time", "datetime", "timestamp", "day", "at"}


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: of ``PULocationID`` pu, location, id; of ``zip_code`` zip, code."""
    return [word.lower() for word in _WORDS.findall(name)]


def names_identifier(name: str) -> bool:
    """Return whether a name is a name of identifiers, by its first or last word."""
    words = words_of(name)
    return names_owner(name) or (bool(words) and words[-1] in _COUNTED)


def names_owner(name: str) -> bool:
    """Return whether a name certainly is a name of identifiers, such as ``user_id``, even if their values repeat.

    Numbers can have such names too, as in ``education-num``; they are identifiers only if no two rows have the same value.
    """
    words = words_of(name)
    return bool(words) and (words[-1] in _OWNED or words[0] in {"id", "uuid", "guid"} or _runs_into_id(name))


def names_code(name: str) -> bool:
    """Return whether a name is a name of codes, numbers that represent something else: zones, postcodes, kinds."""
    words = words_of(name)
    return bool(words) and (words[-1] in _CODES or "zip" in words or "postal" in words or _runs_into_id(name))


def names_date(name: str) -> bool:
    """Return whether a name is a name of dates."""
    return bool(set(words_of(name)) & _DATES)


def _runs_into_id(name: str) -> bool:
    # customerid, without a capital or an underscore: known words only, for `paid` and `grid` end so too.
    stem = name.lower().rstrip("_")
    return any(stem.endswith(end) and stem[: -len(end)] in _OWNERS for end in _IDENTIFIER_ENDS)


_OWNERS = {
    "customer", "user", "client", "account", "order", "product", "item", "passenger", "patient", "employee", "person",
    "member", "invoice", "transaction", "session", "device", "vendor", "store", "house", "loan", "policy", "row", "record",
}  # fmt: skip
