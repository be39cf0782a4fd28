"""Tables: CSV files, frames and packed rows, and their faults."""
