"""Converters of Tabento's own transformers."""
