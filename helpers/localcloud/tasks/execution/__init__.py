"""Executes one run, from its source to the last line of its log."""
