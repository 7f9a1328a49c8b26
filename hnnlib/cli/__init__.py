"""The command `hnnlib`: what it does, a script can do with the public names of `hnnlib`."""
