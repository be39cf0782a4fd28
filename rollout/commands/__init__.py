"""Commands on the rollout of a running service, or on its document. They need no training library."""
