"""The registry, section by section of the OCI distribution specification 1.1."""
