"""What a reader sees of the cloud while it changes: one observer, and the live objects it feeds."""
