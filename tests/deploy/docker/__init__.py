"""Tests of ``deploy``: the engines are small shell scripts on PATH, run as real processes; no image is built."""
