"""Figures of plain prose for Python files: words of docstrings, rates of three words, names that are not nouns, lengths.

How a rate is counted:

- A word of a docstring is a run of letters outside of code between backticks. Docstrings are those of modules, classes and
  functions, and strings below an assignment.
- A fused "what" ("what a row costs") is every "what" in a sentence that is not a question.
- "if" is counted as it is.
- A "where" for a condition is every "where" that neither asks for a place nor follows one: it does not follow a noun of a
  place ("the file where …"), a verb that asks ("knows where …") or a preposition ("from where"), the clause does not end
  with a verb of place ("where the row comes from", "where it is stored"), and, as the first word of a sentence, it has a
  comma after its clause ("Where a file is missing, …").
- A name is a participle or a pronoun if it is one of ``PARTICIPLES`` or ``PRONOUNS``: irregular participles and the most
  frequent regular ones. A name is an adverb if it is one of ``ADVERBS`` or ends with "ed" as regular participles do; some
  of these are good names ("expected"). A name of several words is neither. Every definition counts, so a variable that is
  assigned twice counts twice.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from itertools import chain
from pathlib import Path

from tools.plain_english.identifiers import identifiers, module_identifier
from tools.plain_english.prose import Passage, python_passages

LONGEST = 3
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n\s*\n")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PARTICIPLES = _words(
    "given found made told said asked done kept seen heard held taken known shown chosen written caught drawn gone begun began"
    " broken bound bought brought built dealt driven fallen fed felt forgotten got gotten grown hidden hung laid lent lost"
    " meant met paid sent sold sought spent spoken stood stolen stuck sunk sung sworn swept taught thought thrown understood"
    " undone won worn wound unwritten untold overheard tried wanted refused"
)
"""Without those that are nouns or adjectives of their own in programs: left, read, set, split, spread, cut, put, run."""
PRONOUNS = _words(
    "it its they them their he him his she her we us our ours mine my yours theirs one ones others another each both"
    " some many more most few fewer less least enough such own nobody somebody anybody everybody everyone someone nothing"
    " something anything everything whole rest this that these those what which who whom whose when where why how"
)
ADVERBS = _words(
    "here there now then again ahead apart anew alone aside away back before after beyond beside besides below above near far"
    " off on in over under up down through together within inside outside at by to of for from with into onto upon about"
    " against along among around as between but during except like since till until via without yet still only just ever never"
    " always often once twice soon late early rather quite too so thus hence instead otherwise perhaps else"
)
"""With prepositions and conjunctions."""
NOUNS_IN_ED = _words("seed feed need speed weed breed reed embed shed sled deed bed red")

_PLACES = (
    "address|area|array|body|branch|bucket|byte|cell|character|code|column|config|directory|document|edge|end|ends|entry|field"
    "|file|files|folder|graph|index|leaf|line|list|model|node|page|path|place|places|point|points|position|positions|region"
    "|row|rows|step|store|table|text|tree|vector"
)
_ASKING = (
    "ask|asks|asked|check|find|finds|found|from|guess|hint|is|know|knows|known|learn|names|note|notes|of|or|and|remember|remembers|reveal"
    "|said|say|saying|says|see|seen|show|showing|shows|state|states|tell|telling|tells|to|understand"
)
_WHERE = re.compile(r"\bwhere\b", re.IGNORECASE)
_PLACE_BEFORE = re.compile(rf"\b(?:{_PLACES}|{_ASKING}),?\s+$", re.IGNORECASE)
_PLACE_AFTER = re.compile(
    r"(?:[\w'-]+\s+){0,6}?(?:begins?|belongs?|came|comes?|ends?|goes|go|lies?|lives?|located|points?|starts?|stored|stands?"
    r"|written)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Length:
    """A function or a file with its number of lines."""

    lines: int
    place: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of one or several files; those of two groups of files can be added."""

    words: int = 0
    fused_what: int = 0
    if_words: int = 0
    where_for_if: int = 0
    names: int = 0
    pronouns: int = 0
    """Names that are a participle or a pronoun."""
    adverbs: int = 0
    """Names that are an adverb, a preposition or a regular participle."""
    functions: tuple[Length, ...] = ()
    """The longest functions, longest first."""
    files: tuple[Length, ...] = ()
    """The longest files, longest first."""

    def __add__(self, right: Figures) -> Figures:
        """Return the counts of both groups of files together."""
        return Figures(
            self.words + right.words,
            self.fused_what + right.fused_what,
            self.if_words + right.if_words,
            self.where_for_if + right.where_for_if,
            self.names + right.names,
            self.pronouns + right.pronouns,
            self.adverbs + right.adverbs,
            _longest(self.functions + right.functions),
            _longest(self.files + right.files),
        )

    def per_thousand_words(self, count: int) -> float:
        """Return a count in 1,000 words of docstrings; 0 if there are no words."""
        return 1000 * count / self.words if self.words else 0.0

    def per_thousand_names(self, count: int) -> float:
        """Return a count in 1,000 names; 0 if there are no names."""
        return 1000 * count / self.names if self.names else 0.0


def count_file(file: Path, root: Path) -> Figures:
    """Return the figures of a Python file.

    Args:
        file: relative to the root.
        root: the checkout.
    """
    text = (root / file).read_text(encoding="utf-8")
    return count_text(file, text)


def count_text(file: Path, text: str) -> Figures:
    """Return the figures of the content of a Python file."""
    tree = ast.parse(text, str(file))
    keys = [identifier.key for identifier in chain([module_identifier(file)], identifiers(tree))]
    docstrings = [passage for passage in python_passages(tree, text) if passage.source == "docstring"]
    prose = "\n\n".join(passage.text for passage in docstrings)
    words = [word.lower() for word in WORD.findall(prose)]
    return Figures(
        words=len(words),
        fused_what=sum(count_fused_what(passage) for passage in docstrings),
        if_words=words.count("if"),
        where_for_if=sum(count_where_for_if(passage) for passage in docstrings),
        names=len(keys),
        pronouns=sum(map(is_pronoun, keys)),
        adverbs=sum(map(is_adverb, keys)),
        functions=_longest(_function_lengths(tree, file)),
        files=(Length(text.count("\n"), str(file)),),
    )


def is_pronoun(key: str) -> bool:
    """Return whether a name in lower case is a bare participle of the list, or a pronoun."""
    return key in PARTICIPLES or key in PRONOUNS


def is_adverb(key: str) -> bool:
    """Return whether a name in lower case is a bare adverb, preposition or regular participle that is not in the lists."""
    regular = key.endswith("ed") and "_" not in key and key not in NOUNS_IN_ED
    return not is_pronoun(key) and (regular or key in ADVERBS)


def count_fused_what(passage: Passage) -> int:
    """Return how often a passage says "what" in a sentence that is not a question."""
    return sum(
        word.lower() == "what"
        for sentence in _sentences(passage)
        if not sentence.endswith("?")
        for word in WORD.findall(sentence)
    )


def count_where_for_if(passage: Passage) -> int:
    """Return how often a passage says "where" for a condition, as the module's docstring describes."""
    return sum(
        _is_condition(sentence, match) for sentence in _sentences(passage) for match in _WHERE.finditer(sentence)
    )


def _is_condition(sentence: str, match: re.Match[str]) -> bool:
    text_before, text_after = sentence[: match.start()], sentence[match.end() :].lstrip()
    if not text_before.strip(" (*-"):
        return "," in text_after
    return not _PLACE_BEFORE.search(text_before) and not _PLACE_AFTER.match(text_after)


def _sentences(passage: Passage) -> Iterator[str]:
    return (sentence for sentence in (piece.strip() for piece in SENTENCE_END.split(passage.text)) if sentence)


def _function_lengths(tree: ast.AST, file: Path) -> Iterator[Length]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Length((node.end_lineno or node.lineno) - node.lineno + 1, f"{file}:{node.lineno} {node.name}")


def _longest(lengths: Iterable[Length]) -> tuple[Length, ...]:
    return tuple(nlargest(LONGEST, lengths, key=lambda length: length.lines))


def by_folder(figures: Mapping[Path, Figures], depth: int) -> dict[str, Figures]:
    """Return the figures of each folder at most ``depth`` levels deep, sorted by name; files of the root are ``.``."""
    groups: dict[str, Figures] = defaultdict(Figures)
    for file, counted in figures.items():
        groups["/".join(file.parent.parts[:depth]) or "."] += counted
    return dict(sorted(groups.items()))
