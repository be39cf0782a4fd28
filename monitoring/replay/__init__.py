"""Replay: logged rows are answered again, by the bundle that answered them or by another one."""
