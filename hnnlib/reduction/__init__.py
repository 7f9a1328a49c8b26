"""Point cells fitted to cells with dendrites: what NEST runs in the column's place."""
