"""Traces, opt-in: one trace for each sampled prediction, sent to a collector by OTLP over HTTP."""
