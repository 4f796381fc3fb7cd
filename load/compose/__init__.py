"""The system on Docker, tried: what images weigh, whether it scales, what survives which fault."""
