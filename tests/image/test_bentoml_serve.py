"""BentoML's own server in the image: the parts that the image leaves out are not needed by it either."""

from __future__ import annotations

import httpx

from deploy.engine import PYTHON
from deploy.prove import is_ready
from tests.bundles import TREE
from tests.image.conftest import READY_DEADLINE_S, TestedImage

_SERVE = (
    "import os; os.execv('/app/.venv/bin/bentoml', ['bentoml', 'serve', '/home/bentoml/bento',"
    " '--host', os.environ.get('BENTOML_HOST', '0.0.0.0'), '--port', os.environ['PORT']])"
)


def test_bentoml_serve_works_in_the_image(image: TestedImage) -> None:
    """It gets ready, predicts and shows its pages, with the same read-only root."""
    with image.run(PYTHON, "-c", _SERVE) as container:
        container.wait_for_start(lambda: is_ready(container.address), READY_DEADLINE_S)
        with httpx.Client(base_url=container.address, headers={"X-API-Key": image.secret}, timeout=60) as client:
            assert client.post("/predict", json=TREE).status_code == 200
            assert client.get("/docs").status_code == 200
            assert client.get("/static_content/swagger-ui-bundle.js").status_code == 200
