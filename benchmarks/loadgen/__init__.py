"""The open-loop load generator: a small C program and what surrounds it in Python.

``arrivals`` draws when requests come, ``requests`` builds what is sent and expected, ``build`` compiles ``loadgen.c``,
``run`` runs it, ``result`` says what happened to each request.
"""
