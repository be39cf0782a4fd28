"""API keys: their secrets, their records, and the file of the records. The service and the command share this package."""
