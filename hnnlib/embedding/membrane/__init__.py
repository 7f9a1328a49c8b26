"""A cell of a form and a membrane: what it is made of, where its segments are, and how it fires."""
