"""Alerts: one table of rules, written as rules for Prometheus or evaluated by the monitor process itself."""
