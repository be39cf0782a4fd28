"""Patterns of identifiers: a small part of regular expressions that every reader understands in the same way.

A pattern is checked when a contract is made, and matched by the regular expressions of Rust, whose time grows with the
length of the text and never exponentially. The same text is a pattern of JSON Schema. So what is written differently
elsewhere is refused here, or spelled out: ``\\d`` is 0 to 9 and ``\\w`` a letter, digit or underscore of ASCII.
"""

from __future__ import annotations

import re

from pydantic_core import SchemaValidator, core_schema

PATTERN_CHARACTERS_LIMIT = 200
"""How long a pattern may be."""
PATTERN_STATES_LIMIT = 1_000
"""How many characters and sets a pattern may have, counted as often as they are repeated; it bounds the time of a match."""

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_"}
_SPECIAL = "^$\\.*+?()[]{}|/"
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]{1,4})(,([0-9]{0,4}))?\}")


class PatternError(ValueError):
    """A pattern is not one that can be used; the message says where and why."""


class Pattern:
    """A compiled pattern.

    Args:
        text: the pattern: characters, ``.``, sets such as ``[A-Z_]``, ``\\d``, ``\\w``, groups, ``|``, and the
            repetitions ``?``, ``*``, ``+``, ``{3}``, ``{2,}`` and ``{2,5}``.

    Raises:
        PatternError: it has something else, does not end, is too long or repeats too much.
    """

    def __init__(self, text: str) -> None:
        self.source = _Reading(text).whole()
        """The pattern as JSON Schema (ECMA 262 in Unicode mode), Rust and Python read it, from ``^`` to ``$``."""
        self.matches = SchemaValidator(core_schema.str_schema(pattern=self.source, strict=True)).isinstance_python
        """Tells whether a whole text fits the pattern; takes a str."""


class _Reading:
    """One pattern while it is read, by recursive descent."""

    def __init__(self, text: str) -> None:
        if len(text) > PATTERN_CHARACTERS_LIMIT:
            raise PatternError(f"the pattern has {len(text)} characters; at most {PATTERN_CHARACTERS_LIMIT} are taken")
        self._text = text
        self._position = 0

    def whole(self) -> str:
        """Return the pattern with its anchors."""
        source, _ = self._alternatives(0)
        if self._position < len(self._text):
            raise self._error("this closing parenthesis has no opening one")
        return f"^(?:{source})$"

    def _error(self, reason: str) -> PatternError:
        return PatternError(f"the pattern {self._text!r}: at character {self._position + 1}: {reason}")

    def _next(self) -> str:
        return self._text[self._position : self._position + 1]

    def _alternatives(self, depth: int) -> tuple[str, int]:
        """Return the source up to a closing parenthesis or the end, and how many states it has."""
        parts, states = [], 0
        while True:
            sequence: list[str] = []
            while (character := self._next()) and character not in "|)":
                source, count = self._repeated(depth)
                sequence.append(source)
                states += count
                if states > PATTERN_STATES_LIMIT:
                    raise self._error(
                        f"it repeats too much: at most {PATTERN_STATES_LIMIT} characters and sets are taken, each counted"
                        " as often as it is repeated"
                    )
            parts.append("".join(sequence))
            if self._next() != "|":
                return "|".join(parts), states
            self._position += 1

    def _repeated(self, depth: int) -> tuple[str, int]:
        """Return the source of one character, set or group with its repetition."""
        source, states = self._atom(depth)
        match = _QUANTIFIER.match(self._text, self._position)
        if match is None:
            return source, states
        least, most = (int(match[index]) if match[index] else 0 for index in (1, 3))
        if match[3] and most < least:
            raise self._error(f"the repetition {match[0]} ends before it begins")
        self._position = match.end()
        if _QUANTIFIER.match(self._text, self._position):
            raise self._error("a repetition follows a repetition; put the first into parentheses")
        return source + match[0], states * max(least + 1, most, 1)

    def _atom(self, depth: int) -> tuple[str, int]:
        character = self._next()
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._set(), 1
        if character == "\\":
            return self._escape(in_set=False), 1
        self._position += 1
        if character == ".":
            return ".", 1
        if character in "*+?{":
            self._position -= 1
            raise self._error(
                f"there is nothing that {character!r} could repeat; write \\{character} for the character"
            )
        if character in "^$":
            self._position -= 1
            raise self._error("a pattern always matches the whole value, so leave out ^ and $")
        if not character.isprintable():
            self._position -= 1
            raise self._error("an identifier has printable characters only")
        return f"\\{character}" if character in _SPECIAL else character, 1

    def _group(self, depth: int) -> tuple[str, int]:
        if depth >= 10:
            raise self._error("groups are nested more than 10 deep")
        self._position += 1
        if self._next() == "?":
            if not self._text.startswith("?:", self._position):
                raise self._error("of groups with a question mark only (?:…) is taken: no look-around, names or flags")
            self._position += 2
        source, states = self._alternatives(depth + 1)
        if self._next() != ")":
            raise self._error("a group is not closed")
        self._position += 1
        return f"(?:{source})", states

    def _escape(self, *, in_set: bool) -> str:
        """Return the source of a backslash and the character behind it."""
        character = self._text[self._position + 1 : self._position + 2]
        if character in _CLASSES:
            self._position += 2
            return _CLASSES[character] if in_set else f"[{_CLASSES[character]}]"
        if not character or character.isalnum() or not character.isprintable():
            raise self._error(f"\\{character} is not taken: \\d, \\w, and a backslash before a sign are")
        self._position += 2
        return f"\\{character}" if character in _SPECIAL or (in_set and character == "-") else character

    def _set(self) -> str:
        """Return the source of a set such as ``[^A-Z_]``."""
        self._position += 1
        negated = self._next() == "^"
        self._position += negated
        items: dict[str, None] = {}  # each once: && and ~~ mean something else in Rust
        while (character := self._next()) != "]":
            if not character:
                raise self._error("a set is not closed")
            start = self._position
            low = self._set_character()
            if self._next() == "-" and self._text[self._position + 1 : self._position + 2] not in ("", "]"):
                self._position += 1
                high = self._set_character()
                if len(low.removeprefix("\\")) != 1 or len(high.removeprefix("\\")) != 1 or low[-1] > high[-1]:
                    self._position = start
                    raise self._error(f"the range {low}-{high} ends before it begins")
                low = f"{low}-{high}"
            items[low] = None
        if not items:
            raise self._error("the set is empty")
        self._position += 1
        return f"[{'^' if negated else ''}{''.join(items)}]"

    def _set_character(self) -> str:
        character = self._next()
        if character == "\\":
            return self._escape(in_set=True)
        if not character.isprintable():
            raise self._error("an identifier has printable characters only")
        self._position += 1
        return f"\\{character}" if character in _SPECIAL + "-" else character
