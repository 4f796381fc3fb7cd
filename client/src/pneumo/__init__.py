"""A typed client of the gateway's HTTP API. Research software: no answer is a diagnosis."""
