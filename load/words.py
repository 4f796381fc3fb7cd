"""What the load and its verdict call alike."""

REFUSED = "refused at the door, with a time to come back"
"""Not failed: nothing was accepted, and the client was told so at once."""
