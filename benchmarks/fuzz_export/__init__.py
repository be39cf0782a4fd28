"""A fuzzer of the export: random compositions of steps and estimators on random tables, through the import's own way."""
