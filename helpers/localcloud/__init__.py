"""The local cloud: what the tutorial uses of Azure, Docker Hub and GitHub, on loopback."""
