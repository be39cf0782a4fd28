"""A config's derived features: the pipeline computes them from the features that clients send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from tabento.bundle.contract import Strict
from tabento.bundle.format import TERMS_LIMIT
from tabento.bundle.strict import ExtensibleModel
from tabento.bundle.terms import NGRAMS_LIMIT
from training.config.types import DatePart, Param, PositiveInt, Sha256


class Ratio(Strict):
    """A derived feature: one number divided by another."""

    name: str
    numerator: str
    denominator: str


class Clusters(ExtensibleModel):
    """Derived features: similarity of a row to the centres of clusters, see ``ClusterSimilarity``."""

    later_keys = ("label",)

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """The numeric columns that span the space, such as latitude and longitude."""
    n_clusters: PositiveInt = 10
    """The number of centres."""
    gamma: Annotated[float, Field(gt=0)] = 1.0
    """The width of the Gaussian: exp(-gamma · distance²)."""
    label: bool = False
    """Whether the index of the nearest centre, 0 to n_clusters - 1, is an additional feature, ``cluster_label``."""


class Dates(Strict):
    """Derived features: parts of a timestamp, see ``DateParts``."""

    column: str
    """A feature of the type ``timestamp``."""
    parts: Annotated[tuple[DatePart, ...], Field(min_length=1)]
    """The parts that the model sees."""

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
    """Derived features: weighted counts of the words of a text, see scikit-learn's ``TfidfVectorizer``."""

    column: str
    """A feature of the type ``text``."""
    max_features: Annotated[int, Field(ge=1, le=TERMS_LIMIT)] = 1_000
    """The number of words: the most frequent ones of the training rows."""
    analyzer: Literal["word", "char", "char_wb"] = "word"
    """Whether words are counted, or sequences of characters: of the text, or of each word."""
    ngram_range: tuple[PositiveInt, Annotated[int, Field(ge=1, le=NGRAMS_LIMIT)]] = (1, 1)
    """The smallest and the largest number of successive words, or characters, that form one feature."""
    stop_words: Literal["english"] | tuple[str, ...] | None = None
    """Ignored words: scikit-learn's English ones, or a list."""
    strip_accents: Literal["ascii", "unicode"] | None = None
    """Whether accents are removed from letters."""
    sublinear_tf: bool = False
    """Whether a word that occurs n times has the count 1 + log n instead of n."""


class CustomTransformer(Strict):
    """Derived features of a custom class, see ``training.config.custom_code``."""

    transformer: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$")
    ]
    """The class, as ``module:Class``; the module is in the config's folder or installed."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """The numeric columns that it receives, imputed, in this order."""
    params: dict[str, Param] = {}
    """The arguments of its constructor."""
    sha256: Sha256 | None = None
    """The checksum of its code, filled in when the config is read. If the config has it, other code is refused."""


class DerivedFeatures(ExtensibleModel):
    """Features that the pipeline computes from the features that clients send."""

    later_keys = ("dates", "texts", "custom")

    ratios: tuple[Ratio, ...] = ()
    clusters: Clusters | None = None
    dates: tuple[Dates, ...] = ()
    """The parts of timestamps that the model sees; a model cannot use a timestamp itself."""
    texts: tuple[TextTerms, ...] = ()
    """The words of texts that the model sees."""
    custom: tuple[CustomTransformer, ...] = ()
    """Features of custom classes."""
