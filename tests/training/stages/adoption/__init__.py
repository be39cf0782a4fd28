"""Tests of training/stages/adoption."""
