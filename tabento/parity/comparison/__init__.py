"""How the answers of graph and pipeline are compared."""
