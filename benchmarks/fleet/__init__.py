"""Many small models in one worker: their bundles, the load on them, and the cost of a cold one."""
