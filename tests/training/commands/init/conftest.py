"""What the tests of ``tabento init`` share."""

from tests.training.data.conftest import web as web
