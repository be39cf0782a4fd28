"""After the Bento: images of it, and the proof that an image gives the answers of the Bento's model."""

import tabento.bundle  # noqa: F401 - first of all: it switches off the telemetry of libraries before they are imported
