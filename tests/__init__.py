"""Tests of everything."""

import bundle as bundle  # first of all: it switches off the telemetry of libraries before they are imported
