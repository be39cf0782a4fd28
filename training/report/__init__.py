"""Reports: the index page of a model, with links to the files of its runs and stages."""

from training.report.index_page import INDEX_FILE, write_index, write_index_at_end

__all__ = ["INDEX_FILE", "write_index", "write_index_at_end"]
