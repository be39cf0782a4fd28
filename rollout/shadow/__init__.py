"""The shadow: the challenger answers the same rows after the champion, and no client gets its answers."""
