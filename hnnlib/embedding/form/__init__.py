"""The form of a cell: morphologies read, made, labelled and turned."""
