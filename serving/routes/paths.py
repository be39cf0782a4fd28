"""The paths on which predictions are answered."""

from __future__ import annotations

PREDICT_PATHS = {"/predict": False, "/api/v1/predict": False, "/predict/batch": True}
"""Each path, and whether it accepts only a list of rows."""
