"""Write the dashboard's document: ``python -m deploy.grafana``; ``make dashboard`` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.grafana.dashboard import dashboard_text

DOCUMENT = Path(__file__).parent / "dashboards/model-health.json"


def main() -> int:
    """Write the document and print its path."""
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(dashboard_text(), encoding="utf-8")
    print(DOCUMENT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
