"""The four pages: thin, from an answer to what is drawn."""
