"""Kafka in, OpenVINO, Kafka out."""

from shared.vendor_telemetry import forbid_vendor_telemetry

# Here, because no module of this package is imported before this one.
forbid_vendor_telemetry()
