"""Simulated rollouts: answers and seconds until a faulty challenger is rolled back, and how often an equal one is."""
