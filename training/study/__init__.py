"""The study: what the data is like, in one HTML report that people look through before anything is fitted."""
