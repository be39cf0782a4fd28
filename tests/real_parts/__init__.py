"""Tests against real proxies and clients from Debian's packages; `make test-real` runs them."""
