"""The session log: an SQLite file of runs. Written by `writer`, read by `reader`, defined by `schema`."""
