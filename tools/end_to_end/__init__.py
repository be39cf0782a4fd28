"""The whole way of a model, tried with the real commands: ``make e2e``.

``steps`` has the steps from data to drain, ``run`` runs them and cleans up, ``home`` is the temporary folder in which they
work, ``service`` the service that they call, and ``known_rows`` the rows whose answers the fitted pipeline knows.
"""
