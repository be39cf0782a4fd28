"""Rollouts on a real service: answers and seconds until a faulty challenger has no traffic, and false rollbacks of an equal one."""
