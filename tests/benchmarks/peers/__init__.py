"""Tests of the parts of the peers that need no environment of their own."""
