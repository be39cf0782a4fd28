"""Quality without truths: the figures that are expected for the predicted rows, see docs/estimates.md."""
