"""Every synapse on a cell: the table, and how synapses come into it."""
