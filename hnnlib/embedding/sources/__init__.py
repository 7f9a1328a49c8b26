"""What presynaptic cells fire, and what their synapses release."""
