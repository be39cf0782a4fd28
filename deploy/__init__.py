"""After the Bento: images of it, and the proof that an image answers what the Bento's model answers."""

import bundle as bundle  # first of all: it switches off the telemetry of libraries before they are imported
