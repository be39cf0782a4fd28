"""``tabento init``: from an unknown table to a config with a comment for each decision. Nothing is trained.

A file is opened (``file_format``, ``encoding``, ``delimiter``, ``numbers``), read as text (``text_table``), its columns are
decided one by one (``columns``) and its target (``target``), suspects of leakage are probed (``leakage``), and the config is
written (``writing``) and checked against the data at once (``run``).
"""
