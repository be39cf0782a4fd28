"""Outside dependencies: a circuit breaker and retries around every call that leaves the process. It imports nothing of Tabento but errors."""
