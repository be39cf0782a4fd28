"""Tests of deploy.manifests."""
