"""What this service answers over HTTP: health and metrics."""
