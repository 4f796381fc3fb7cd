"""What operators do with the topics: the auditor, and the dead letters."""
