"""The report of a parameter sweep: its files and plots."""
