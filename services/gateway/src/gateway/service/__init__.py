"""The stories: a prediction, an upload, a training job, the current model."""
