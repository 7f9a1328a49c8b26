"""Networks as folders of SONATA files: written, read back, and run as a configuration says."""
