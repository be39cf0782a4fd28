"""``python -m tabento.bundle NAME[:VERSION]`` verifies a bundle in the model store and prints its exact tag."""

from __future__ import annotations

import argparse
import sys

from tabento.bundle.errors import BundleError
from tabento.bundle.store import load_bundle


def main(arguments: list[str] | None = None) -> int:
    """Print the tag and return 0, or print the error on stderr and return 1."""
    parser = argparse.ArgumentParser(prog="python -m tabento.bundle", description=__doc__)
    parser.add_argument("tag", metavar="NAME[:VERSION]", help="the bundle; without a version, the latest")
    try:
        bundle = load_bundle(parser.parse_args(arguments).tag)
    except BundleError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{bundle.tag}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
