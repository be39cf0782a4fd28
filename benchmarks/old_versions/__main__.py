"""The command ``python -m benchmarks.old_versions``."""

from benchmarks.old_versions.run import main

raise SystemExit(main())
