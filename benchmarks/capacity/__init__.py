"""How many replicas does a load need? Measured figures of one core, arithmetic, and a simulation of autoscaling."""
