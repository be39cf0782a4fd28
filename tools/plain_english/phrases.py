"""The one table of phrases that are refused in sentences, with what to write instead.

A phrase is a regular expression; a blank in it stands for any white space, so that it is found across lines. Only phrases
that have no other meaning in this project's prose are listed: the lint has no list of exceptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_THINGS = (
    "YAML|JSON|CSV|UTF-8|HTTP|TOML|XML|NaN|address|answer|archive|array|boolean|bundle|category|champion|checkout|class|column"
    "|config|converter|database|date|double|engine|environment|estimator|event|excuse|fault|feature|field|figure|file|fold"
    "|folder|frame|function|header|host|identifier|index|integer|journal|key|kind|label|manifest|mapping|metric"
    "|model|module|name|number|numeric|object|outlier|percentage|pickle|pipeline|port|probability|Python|ratio|record|regular"
    "|report|request|row|score|server|setting|skops|stage|step|string|table|target|text|timestamp|type|valid|value|version"
    "|well-formed|word"
)


@dataclass(frozen=True, slots=True)
class PhraseRule:
    """The rule for one refused phrase."""

    pattern: re.Pattern[str]
    advice: str
    """What to write instead, completing "write …"."""


def _phrase(pattern: str, advice: str, flags: re.RegexFlag = re.IGNORECASE) -> PhraseRule:
    return PhraseRule(re.compile(rf"\b(?:{pattern})\b".replace(" ", r"\s+"), flags), advice)


PHRASES = (
    _phrase("what (?:is|are|was|were|has|have|had|does|do|did|can|could) (?:not|no|never)", "the noun: unknown values"),
    _phrase(
        "what (?:is|are|was|were) (?:asked|given|found|known|wrong|left|missing|told|wanted|read|sent|needed|written|shown|said"
        "|counted|compared|measured|kept|stored|promised|allowed|expected|fitted|served|drawn|made)(?![^.;:]*\\?)",
        "the noun: the argument, the remedy, the remaining rows",
    ),
    _phrase("(?:none|nothing|zero|nobody|empty) where", "if: None if there is none"),
    _phrase(
        "where (?:there (?:is|are) (?:no|none|nothing|one|some|several|any)|it is not|nothing is|nothing was|no [a-z]+ is|none is|none was)",
        "if",
    ),
    _phrase(rf"(?<!there\s)(?:is|are|was|were) no (?:{_THINGS})s?(?! of)", "is not a …, is not valid …"),
    _phrase("anew", "again, from scratch"),
    _phrase("dear|dearer|dearest", "expensive", re.RegexFlag(0)),
    _phrase("for ever", "without a time limit, or say what ends it"),
    _phrase("(?:falls?|fell|fallen|falling) short", "misses the target, is below the limit"),
    _phrase("(?:stands?|stood) (?:twice|once|thrice|there|below|above|beside)", "appears twice, is listed"),
    _phrase("stands? in the way", "prevents, blocks"),
    _phrase("at (?:the|its|their|a) door|doorman|doorkeeper", "before admission, the fast path"),
    _phrase("parts? ways|parted ways", "diverge, first differ"),
    _phrase("(?:of|in) one mind", "gives one answer, is consistent"),
    _phrase("hangs? on (?:the|which|whose|how|what|its|their)", "depends on"),
    _phrase("(?:cannot|can't|could not) be had", "is not available"),
    _phrase("in its own,? or (?:in )?the one after", "in the same pass or the next one"),
    _phrase("overhear(?:s|d|ing)?", "record the calls"),
    _phrase("(?:is|are|was|were) let in", "is admitted"),
)
