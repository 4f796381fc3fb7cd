"""The trainer's HTTP side."""
