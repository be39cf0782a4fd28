"""Tests of the command line of the library."""
