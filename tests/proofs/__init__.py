"""Which operations of the local cloud real clients have called with success, as the suite shows it."""
