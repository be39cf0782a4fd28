"""The bundle's layout on disk and its version.

``FORMAT_VERSION`` is increased by one if a reader of the previous version would misread the content. To increase it: change the
writer in ``tabento.packaging``, make ``tabento.bundle.store.load_bundle`` read both versions, and keep a small bundle of the old
version under ``tests/tabento/bundle/`` that must still load. State in the changelog for how long the old version is read. A file that
readers can ignore is added without a new version.

Formats so far: 1 is the first. 2 adds keys to the contract: ``identifiers``; for a feature ``missing``,
``exclusive_minimum``, ``exclusive_maximum``, ``maximum_length`` and the types ``timestamp`` and ``text``; for a feature or an
identifier ``pii``; for the output ``targets``, ``interval`` and ``prediction_set``. A bundle whose contract uses none of these
keys is still written in format 1, so that older services can serve it.
An older service refuses a bundle that uses them, because it would misread it. 3 adds the key ``signed_by`` to the manifest and the
file ``MANIFEST.sig``, see ``tabento.bundle.signature``; only signed bundles have it. The splitting of texts is stored in the graph's
metadata, see ``tabento.bundle.texts``.
"""

from __future__ import annotations

FIRST_FORMAT = 1
LATER_KEYS_FORMAT = 2
"""The format of bundles whose contract has keys that the first format did not have."""
SIGNED_FORMAT = 3
"""The format of signed bundles."""
FORMAT_VERSION = SIGNED_FORMAT
"""The newest format."""
FORMATS_READ = (FIRST_FORMAT, LATER_KEYS_FORMAT, SIGNED_FORMAT)
"""The formats that this version reads."""

MANIFEST_FILE = "MANIFEST.json"
SIGNATURE_FILE = "MANIFEST.sig"
"""The signature of ``MANIFEST.json``, which only a signed bundle has; the manifest does not list it."""
MODEL_FILE = "model.onnx"
CONTRACT_FILE = "contract.json"
REFERENCE_FILE = "reference.json"
EXAMPLES_FILE = "examples.json"
LATENCY_FILE = "latency.json"
METRICS_FILE = "metrics.json"
PARITY_FILE = "parity.json"
CARD_FILE = "card.md"
DATA_CARD_FILE = "data_card.md"
"""An optional file: an imported pipeline has none, and readers can ignore it."""

IMPORTANCES_FILE = "importances.json"
"""The importances of the features. An optional file: imported pipelines and older bundles have none, and readers can ignore it."""

EXPECTED_QUALITY_FILE = "expected_quality.json"
"""The tables of ``tabento.bundle.expected_quality``. An optional file: imported pipelines and older bundles have none."""

REQUIRED_FILES = (
    MODEL_FILE,
    CONTRACT_FILE,
    REFERENCE_FILE,
    EXAMPLES_FILE,
    LATENCY_FILE,
    METRICS_FILE,
    PARITY_FILE,
    CARD_FILE,
)
"""The files of every bundle, in addition to its manifest."""

BENTOML_MODULE = "tabento"
"""The ``module`` of bundles in ``bentoml models list``."""

INPUT_NAME = "rows"
"""The ONNX graph's only input: float64 of shape (N, F), columns in the order of the contract's features; for a contract
with texts of shape (N, F + V), see ``tabento.bundle.texts``."""

PREDICTION_NAME = "prediction"
"""The ONNX graph's output: float64 of shape (N,), in the unit of the contract's output; for a classification and for
several targets of shape (N, W), see ``tabento.bundle.contract.answer_width``."""

FEATURES_LIMIT = 10_000
"""The largest number of columns; a config with more is treated as a mistake."""
TERMS_LIMIT = FEATURES_LIMIT
"""The largest number of terms in all blocks of a graph: such a row is as wide as the widest row without texts."""
