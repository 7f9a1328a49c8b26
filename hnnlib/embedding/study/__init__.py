"""The trials of a cell as tables and recordings, in memory or in a folder."""
