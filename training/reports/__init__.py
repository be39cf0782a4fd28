"""Reports: the page that leads to everything that runs of a model have left."""

from training.reports.index_page import INDEX_FILE, indexed, write_index

__all__ = ["INDEX_FILE", "indexed", "write_index"]
