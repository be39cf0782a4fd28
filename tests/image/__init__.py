"""Tests of a built image: `make image-test`."""
