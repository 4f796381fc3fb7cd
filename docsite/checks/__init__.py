"""Commands in documents, judged by the parsers and routes of the programs that they name."""
