"""The graph under construction: nodes, constants, values, trees, and the writer that adds to them."""
