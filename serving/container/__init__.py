"""The server of an image: it serves a Bento without BentoML's server, whose import takes most of a start.

``bentoml serve`` imports BentoML, circus and the service twice: in its supervisor and again in each worker. Here one process imports
the service without BentoML, checks the settings and the bundle, opens the port and forks the workers, which share its memory.
The application, the supervisor's duties, the monitor process, the drain and the exit codes are those of ``bentoml serve``.
"""
