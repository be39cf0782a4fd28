"""Tests of the registry as a source of wanted versions."""
