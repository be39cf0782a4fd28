"""After the Bento: images of it, and the proof that an image answers what the Bento's model answers."""
