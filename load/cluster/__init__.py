"""The system on Kubernetes, tried: it starts, answers, survives kills and an upgrade."""
