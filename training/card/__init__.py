"""The cards: what a model is and what it was made of, in the run's own figures.

The model card follows Mitchell et al., Model Cards for Model Reporting (FAT* 2019); the data card Gebru et al., Datasheets
for Datasets (2021), and Pushkarna et al., Data Cards (FAccT 2022). They are ``card.md`` and ``data_card.md`` of the bundle
and of the run's report. ``findings`` is all that they are written from, besides the config.
"""

from training.card.data_card import render_data_card
from training.card.findings import Findings
from training.card.markdown import markdown_table
from training.card.model_card import render_card
from training.card.sections import feature_row, latency_section, metric_rows, parity_section

__all__ = [
    "Findings",
    "feature_row",
    "latency_section",
    "markdown_table",
    "metric_rows",
    "parity_section",
    "render_card",
    "render_data_card",
]
