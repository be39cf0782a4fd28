"""Monitoring: it accounts for every prediction, beside the answers, in a process of its own.

A worker keeps a record of each prediction in a list (``monitoring.recorder``) and sends the list to the monitor process a few
times a second. The monitor process (``monitoring.process``) turns the records into columns and gives them to its parts: the
prediction log, drift, feedback, quality and alerts. A slow or missing monitor delays no prediction: records are then dropped
and counted.
"""
