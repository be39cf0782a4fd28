"""The cost of decoding the most expensive request bodies: a search for them and its results."""
