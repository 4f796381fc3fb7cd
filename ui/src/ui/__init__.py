"""The web UI: pages that ask the gateway over HTTP, and nothing else."""
