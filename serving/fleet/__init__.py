"""The models of a worker: loading beside the requests, and the versions that are live."""
