"""Online, HTTP: from bytes to rows and from answers to bytes, with guards, errors, health and metrics."""
