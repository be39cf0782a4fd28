"""The stack of ``compose.yaml``: its secrets and API keys, and the command that starts it with an engine of this computer."""
