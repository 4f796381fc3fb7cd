"""This system beside its peers, in one session: `make bench`."""
