"""The familiar face: an editor over one frozen spec."""
