"""Tests of deploy.manifests.rules."""
