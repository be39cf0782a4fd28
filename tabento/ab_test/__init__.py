"""The comparison of two arms of live traffic: counts, tests that may be looked at at any time, verdicts."""
