"""The bundle's layout on disk and its version.

``FORMAT_VERSION`` goes up by one whenever a reader of the previous version would misread what is written now. To raise
it: change the writer in ``training``, teach ``bundle.store.load_bundle`` to read both versions, keep a small bundle of
the old version under ``tests/bundle/`` that must still load, and say in the changelog for how long the old one is read.
A file that readers may ignore is added without a new version.

Formats so far: 1 is the first. 2 adds keys to the contract: ``identifiers``, and of a feature ``missing``,
``exclusive_minimum``, ``exclusive_maximum`` and ``maximum_length``, the types ``timestamp`` and ``text``, and of the output
``targets``. A bundle whose contract uses none of them is still written in format 1, so that older services go on serving
it; one that uses them is refused by an older service, which would misread it. How texts are split is metadata of the
graph's own file, see ``bundle.texts``.
"""

from __future__ import annotations

FIRST_FORMAT = 1
LATER_KEYS_FORMAT = 2
"""The format of bundles whose contract has keys that the first format did not have."""
FORMAT_VERSION = LATER_KEYS_FORMAT
"""The newest format."""
FORMATS_READ = (FIRST_FORMAT, LATER_KEYS_FORMAT)
"""The formats that this version reads."""

MANIFEST_FILE = "MANIFEST.json"
MODEL_FILE = "model.onnx"
CONTRACT_FILE = "contract.json"
REFERENCE_FILE = "reference.json"
EXAMPLES_FILE = "examples.json"
LATENCY_FILE = "latency.json"
METRICS_FILE = "metrics.json"
PARITY_FILE = "parity.json"
CARD_FILE = "card.md"
DATA_CARD_FILE = "data_card.md"
"""Beside the files that every bundle holds; an imported pipeline has none, and readers may ignore it."""

IMPORTANCES_FILE = "importances.json"
"""Which features the model goes by; an imported pipeline has none, older bundles have none, and readers may ignore it."""

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
"""What every bundle holds besides its manifest."""

BENTOML_MODULE = "tabento"
"""The ``module`` under which bundles are listed by ``bentoml models list``."""

INPUT_NAME = "rows"
"""The ONNX graph's one input: float64 of shape (N, F), columns in the order of the contract's features; of a contract
with texts (N, F + V), see ``bundle.texts``."""

PREDICTION_NAME = "prediction"
"""The ONNX graph's output: float64 of shape (N,), in the unit of the contract's output; for a classification and for
several targets of shape (N, W), see ``bundle.contract.answer_width``."""

FEATURES_LIMIT = 10_000
"""More columns than this is taken for a mistake in a config."""
TERMS_LIMIT = FEATURES_LIMIT
"""How many terms all blocks of a graph may have together: a row of them is as wide as the widest row without texts."""
