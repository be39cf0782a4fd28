"""The Dockerfile template of the image and the program of its first stage."""
