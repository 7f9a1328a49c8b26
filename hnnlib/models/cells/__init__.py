"""Published cells, one a file."""
