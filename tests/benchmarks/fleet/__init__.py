"""Tests of the fleet of small models."""
