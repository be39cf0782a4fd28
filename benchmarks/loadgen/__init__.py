"""The open-loop load generator: a small C program and its Python modules.

``schedule`` generates the arrival times, ``requests`` builds requests and expected answers, ``build`` compiles
``loadgen.c``, ``run`` runs it, ``result`` has the outcome of each request.
"""
