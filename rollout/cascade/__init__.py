"""The sources of bundles: the local model store, then object stores, then the registry. A bundle is fetched into the local store."""
