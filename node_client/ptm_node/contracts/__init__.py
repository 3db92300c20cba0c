"""What a container sees: files, environment and mounts, one module per contract."""
