"""A lint for names and sentences that a newcomer cannot look up, and the figures that show how plain the prose is."""
