"""The format that the library, training and serving share: contract, manifest, checksums, reference data, drift statistics."""

from tabento.bundle.telemetry import switch_off

switch_off()
