"""The paths of the rollout's routes, for the routes and the OpenAPI document."""

PATH = "/admin/rollout"
HISTORY_PATH = f"{PATH}/history"
REPORT_PATH = f"{PATH}/report"
MAX_CHANGES = 1_000
"""The largest number of changes of one answer."""
