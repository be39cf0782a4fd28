"""The report of the gate."""
