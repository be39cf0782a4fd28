"""The monitor process: it reads the records of all workers and gives them, as columns, to its parts."""
