"""Images: manifests and layers, unpacked and packed; names on this host; the stand-in for Docker Hub."""
