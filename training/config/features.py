"""A config's derived features: what is computed inside the pipeline from what clients send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from bundle.contract import Growing, Strict
from bundle.format import TERMS_LIMIT
from bundle.terms import NGRAMS_LIMIT
from training.config.types import DatePart, Param, PositiveInt, Sha256


class Ratio(Strict):
    """A derived feature: one number divided by another."""

    name: str
    numerator: str
    denominator: str


class Clusters(Growing):
    """Derived features: similarity of a place to the centres of clusters, see ``ClusterSimilarity``."""

    later_keys = ("label",)

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """The numeric columns that span the space, such as latitude and longitude."""
    n_clusters: PositiveInt = 10
    """How many centres."""
    gamma: Annotated[float, Field(gt=0)] = 1.0
    """The width of the Gaussian: exp(-gamma · distance²)."""
    label: bool = False
    """Whether the number of the nearest centre, 0 to n_clusters - 1, is one more feature, ``cluster_label``."""


class Dates(Strict):
    """Derived features: parts of a timestamp, see ``DateParts``."""

    column: str
    """A feature of the type ``timestamp``."""
    parts: Annotated[tuple[DatePart, ...], Field(min_length=1)]
    """What the model sees of it."""

    @field_validator("parts")
    @classmethod
    def _once_each(cls, parts: tuple[DatePart, ...]) -> tuple[DatePart, ...]:
        if len(set(parts)) != len(parts):
            raise ValueError(f"expected each part once, got {list(parts)}")
        return parts

    def names(self) -> tuple[str, ...]:
        """Return the names of the derived features: ``pickup_at_year``, …"""
        return tuple(f"{self.column}_{part}" for part in self.parts)


class TextTerms(Strict):
    """Derived features: how often words are met in a text, weighted, see scikit-learn's ``TfidfVectorizer``."""

    column: str
    """A feature of the type ``text``."""
    max_features: Annotated[int, Field(ge=1, le=TERMS_LIMIT)] = 1_000
    """How many words count, the most frequent ones of the training rows."""
    analyzer: Literal["word", "char", "char_wb"] = "word"
    """Whether words count, or pieces of characters: of the text, or of each word."""
    ngram_range: tuple[PositiveInt, Annotated[int, Field(ge=1, le=NGRAMS_LIMIT)]] = (1, 1)
    """From how many words, or characters, up to how many in a row make one feature."""
    stop_words: Literal["english"] | tuple[str, ...] | None = None
    """Words that do not count: scikit-learn's English ones, or a list."""
    strip_accents: Literal["ascii", "unicode"] | None = None
    """Whether letters lose their accents."""
    sublinear_tf: bool = False
    """Whether a word that is met n times counts 1 + log n rather than n."""


class CustomTransformer(Strict):
    """Derived features of a class of one's own, see ``training.config.custom_code``."""

    transformer: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$")
    ]
    """The class, as ``module:Class``; the module is in the config's folder or installed."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """The numeric columns that it is given, imputed, in this order."""
    params: dict[str, Param] = {}
    """The arguments with which it is made."""
    sha256: Sha256 | None = None
    """The checksum of its code; filled in when the config is read. If it is in the config, other code is refused."""


class Derived(Growing):
    """Features that are computed inside the pipeline from those that clients send."""

    later_keys = ("dates", "texts", "custom")

    ratios: tuple[Ratio, ...] = ()
    clusters: Clusters | None = None
    dates: tuple[Dates, ...] = ()
    """What the model sees of timestamps; a timestamp itself is no number that a model could use."""
    texts: tuple[TextTerms, ...] = ()
    """What the model sees of texts."""
    custom: tuple[CustomTransformer, ...] = ()
    """Features of one's own classes."""
