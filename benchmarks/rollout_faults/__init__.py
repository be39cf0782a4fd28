"""Faults of rollouts on a real service that answers known rows; see docs/rollout-faults.md."""
