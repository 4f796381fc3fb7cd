"""Trains models: one bundle a run, from a folder of labelled radiographs."""
