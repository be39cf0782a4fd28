"""The figures that the documents quote: measured by one command, kept in one file, compared with the documents by a test."""
