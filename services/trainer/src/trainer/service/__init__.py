"""The stories: how a bundle is made, stage by stage, and how a job is answered."""
