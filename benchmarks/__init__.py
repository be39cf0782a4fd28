"""One file per question; results with machine and versions under ``benchmarks/results/``."""
