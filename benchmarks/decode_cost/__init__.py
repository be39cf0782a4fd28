"""What the most expensive request bodies cost to decode: a search for them, and what it found."""
