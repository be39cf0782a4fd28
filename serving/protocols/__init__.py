"""Protocols of other model servers: requests become rows of the contract, answers get the form of the protocol."""
