"""Patterns of identifiers: a small part of regular expressions that every program reads in the same way.

A pattern is checked when a contract is made, and matched by the regular expressions of Rust, whose time grows with the
length of the text and never exponentially. The same text is a pattern of JSON Schema. Syntax that other programs read differently
is refused here, or written in full: ``\\d`` is 0 to 9 and ``\\w`` a letter, digit or underscore of ASCII.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pydantic_core import SchemaValidator, core_schema

PATTERN_CHARACTERS_LIMIT = 200
"""The largest length of a pattern."""
PATTERN_STATES_LIMIT = 1_000
"""The largest number of characters and sets in a pattern, with their repetitions; it limits the time of a match."""

CONTROLS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
"""Control characters and line separators as items of a set; no identifier has one."""
_CONTROL = re.compile(f"[{CONTROLS}]")
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_"}
_SPECIAL = "^$\\.*+?()[]{}|/"
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]{1,4})(,([0-9]{0,4}))?\}")


class PatternError(ValueError):
    """A pattern cannot be used; the message names the position and the reason."""


class Pattern:
    """A compiled pattern.

    Args:
        text: the pattern: characters, ``.``, sets such as ``[A-Z_]``, ``\\d``, ``\\w``, groups, ``|``, and the
            repetitions ``?``, ``*``, ``+``, ``{3}``, ``{2,}`` and ``{2,5}``. ``.`` and ``[^…]`` take no control
            characters.

    Raises:
        PatternError: it has other syntax, is not complete, is too long or repeats too much.
    """

    def __init__(self, text: str) -> None:
        part = _Parser(text).read()
        self.source = f"^(?:{part.source})$"
        """The pattern in the syntax of JSON Schema (ECMA 262 in Unicode mode), Rust and Python."""
        self.matches = SchemaValidator(core_schema.str_schema(pattern=self.source, strict=True)).isinstance_python
        """A function of a str that is true if the whole text fits the pattern."""
        self.example = part.shortest or part.example
        """A text that fits. It is empty only if no other text was found."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a pattern."""

    source: str
    states: int
    """The number of characters and sets, with their repetitions."""
    shortest: str
    """A text that fits, with as few repetitions as possible."""
    example: str
    """A text that fits, with every repetition at least once."""


class _Parser:
    """A parser of one pattern, by recursive descent."""

    def __init__(self, text: str) -> None:
        if len(text) > PATTERN_CHARACTERS_LIMIT:
            raise PatternError(
                f"the pattern has {len(text)} characters; at most {PATTERN_CHARACTERS_LIMIT} are allowed"
            )
        self._text = text
        self._position = 0

    def read(self) -> _Part:
        """Read the pattern to its end."""
        part = self._alternatives(0)
        if self._position < len(self._text):
            raise self._error("this closing parenthesis has no opening one")
        return part

    def _error(self, reason: str) -> PatternError:
        return PatternError(f"the pattern {self._text!r}: at character {self._position + 1}: {reason}")

    def _next(self) -> str:
        return self._text[self._position : self._position + 1]

    def _alternatives(self, depth: int) -> _Part:
        """Read up to a closing parenthesis or the end."""
        alternatives = [self._sequence(depth)]
        while self._next() == "|":
            self._position += 1
            alternatives.append(self._sequence(depth))
        states = sum(part.states for part in alternatives)
        self._check_states(states)
        first = next((part for part in alternatives if part.example), alternatives[0])
        return _Part("|".join(part.source for part in alternatives), states, first.shortest, first.example)

    def _sequence(self, depth: int) -> _Part:
        """Read up to the end of an alternative."""
        parts = []
        while (character := self._next()) and character not in "|)":
            parts.append(self._repeated(depth))
            self._check_states(sum(part.states for part in parts))
        return _Part(
            "".join(part.source for part in parts),
            sum(part.states for part in parts),
            "".join(part.shortest for part in parts),
            "".join(part.example for part in parts),
        )

    def _check_states(self, states: int) -> None:
        if states > PATTERN_STATES_LIMIT:
            raise self._error(
                f"it repeats too much: at most {PATTERN_STATES_LIMIT} characters and sets are allowed, each counted with"
                " its repetitions"
            )

    def _repeated(self, depth: int) -> _Part:
        """Read one character, set or group with its repetition."""
        part = self._atom(depth)
        match = _QUANTIFIER.match(self._text, self._position)
        if match is None:
            return part
        minimum, maximum = (int(match[index]) if match[index] else 0 for index in (1, 3))
        if match[3] and maximum < minimum:
            raise self._error(f"the repetition {match[0]} has its maximum below its minimum")
        self._position = match.end()
        if _QUANTIFIER.match(self._text, self._position):
            raise self._error("a repetition follows a repetition; put the first into parentheses")
        states = part.states * max(minimum + 1, maximum, 1)
        self._check_states(states)
        minimum = 1 if match[0] == "+" else minimum
        count = max(minimum, 0 if maximum == 0 and match[2] and match[3] else 1)
        return _Part(part.source + match[0], states, part.shortest * minimum, part.example * count)

    def _atom(self, depth: int) -> _Part:
        character = self._next()
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._set()
        if character == "\\":
            return self._escape()
        if character == ".":
            self._position += 1
            return _Part(f"[^{CONTROLS}]", 1, "x", "x")
        if character in "*+?{":
            raise self._error(
                f"there is nothing that {character!r} could repeat; write \\{character} for the character"
            )
        if character in "^$":
            raise self._error("a pattern always matches the whole value, so remove ^ and $")
        self._check_printable(character)
        self._position += 1
        return _Part(f"\\{character}" if character in _SPECIAL else character, 1, character, character)

    def _check_printable(self, characters: str) -> None:
        if _CONTROL.search(characters) or any("\ud800" <= character <= "\udfff" for character in characters):
            raise self._error("an identifier has no control characters")

    def _group(self, depth: int) -> _Part:
        if depth >= 10:
            raise self._error("groups are nested more than 10 deep")
        self._position += 1
        if self._next() == "?":
            if not self._text.startswith("?:", self._position):
                raise self._error(
                    "of groups with a question mark only (?:…) is allowed: no look-around, names or flags"
                )
            self._position += 2
        part = self._alternatives(depth + 1)
        if self._next() != ")":
            raise self._error("a group is not closed")
        self._position += 1
        return replace(part, source=f"(?:{part.source})")

    def _escaped(self) -> str:
        """Return the character after a backslash: ``d``, ``w`` or a sign."""
        character = self._text[self._position + 1 : self._position + 2]
        if character not in ("d", "w") and (not character or character.isalnum()):
            raise self._error(f"\\{character} is not allowed: only \\d, \\w, and a backslash before a sign are")
        self._check_printable(character)
        self._position += 2
        return character

    def _escape(self) -> _Part:
        character = self._escaped()
        if character in _CLASSES:
            return _Part(f"[{_CLASSES[character]}]", 1, "0", "0")
        return _Part(f"\\{character}" if character in _SPECIAL else character, 1, character, character)

    def _set(self) -> _Part:
        """Read a set such as ``[^A-Z_]``."""
        self._position += 1
        negated = self._next() == "^"
        self._position += negated
        items: dict[str, None] = {}
        while (character := self._next()) != "]":
            if not character:
                raise self._error("a set is not closed")
            items[self._item()] = None
        if not items:
            raise self._error("the set is empty")
        self._position += 1
        source = f"[{f'^{CONTROLS}' if negated else ''}{''.join(items)}]"
        fits = re.compile(source).match
        example = next((character for character in map(chr, range(0x20, 0x110000)) if fits(character)), "")
        return _Part(source, 1, example, example)

    def _item(self) -> str:
        """Read one character, class or range of a set."""
        low = self._set_character()
        if self._next() != "-" or self._text[self._position + 1 : self._position + 2] in ("", "]"):
            return _CLASSES[low[1]] if len(low) == 2 else _in_set(low)
        self._position += 1
        high = self._set_character()
        if len(low) != 1 or len(high) != 1 or low > high:
            raise self._error("a range has its end before its start, or has a class as an end")
        if any(low <= control <= high for control in "\x7f\u2028\ud800"):
            raise self._error("the range has control characters in it; write two ranges")
        return f"{_in_set(low)}-{_in_set(high)}"

    def _set_character(self) -> str:
        """Return the next character of a set, or a backslash with the letter of a class."""
        character = self._next()
        if character == "\\":
            character = self._escaped()
            return f"\\{character}" if character in _CLASSES else character
        self._check_printable(character)
        self._position += 1
        return character


def _in_set(character: str) -> str:
    """Return the source of a character in a set. Two ampersands or tildes have another meaning in Rust."""
    if character in "&~":
        return f"\\u{ord(character):04x}"
    return f"\\{character}" if character in _SPECIAL + "-" else character
