"""The entry point of an image: ``python container.py serve`` serves the Bento that this file is packed in.

It is in the folder of ``service.py``, so that the folder of the packages is the first of ``sys.path``; ``serving.container`` does the
work. BentoML is not imported: see ``serving/container/__init__.py``.
"""

import gc
import os
import sys

if __name__ == "__main__":
    # Imports make many objects that stay, and almost no garbage; a collection would visit all of them again and again.
    gc.disable()
    # NumPy would start threads for matrices, which a service does not multiply. A process with one thread can fork safely.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from serving.container.command import main

    sys.exit(main(sys.argv[1:]))
