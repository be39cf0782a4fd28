"""Which versions of which models are live, how traffic is split between them, and when a version loses its traffic again."""
