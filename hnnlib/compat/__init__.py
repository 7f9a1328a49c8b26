"""HNN-core's files and names over hnnlib's own."""
