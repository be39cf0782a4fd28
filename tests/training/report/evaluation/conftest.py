"""The small evaluation that the tests of its report read."""

from tests.training.studies.evaluation.conftest import folder as folder
from tests.training.studies.evaluation.conftest import orchard as orchard
from tests.training.studies.evaluation.conftest import report as report
from tests.training.studies.evaluation.conftest import trees as trees
