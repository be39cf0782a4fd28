"""The cards: the model card and the data card of a run, with the run's own numbers.

The model card follows Mitchell et al., Model Cards for Model Reporting (FAT* 2019); the data card Gebru et al., Datasheets
for Datasets (2021), and Pushkarna et al., Data Cards (FAccT 2022). They are ``card.md`` and ``data_card.md`` of the bundle
and of the run's report. Their inputs are the config and ``findings``; their
texts are in the Jinja templates ``model_card.md.j2``, ``data_card.md.j2`` and ``sections.md.j2``.
"""

from training.report.card.data_card import render_data_card
from training.report.card.findings import Findings
from training.report.card.markdown import markdown_table
from training.report.card.model_card import render_card
from training.report.card.sections import feature_row, latency_section, metric_rows, parity_section

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
