"""All tests; their folders mirror those of the sources.

Libraries read their number of threads from the environment when they are imported. Tests fit small models; several
threads make these fits slower, on a busy computer by a factor of ten.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import tabento.bundle  # noqa: E402, F401 - the first import: it switches off the telemetry of libraries before they are imported
