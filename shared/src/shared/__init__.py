"""What the PneumoStream services must agree on, and nothing else."""
