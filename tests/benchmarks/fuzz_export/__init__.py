"""Tests of the fuzzer of the export."""
