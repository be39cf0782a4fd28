"""The guards before a prediction: who calls, and how much a caller may ask for."""
