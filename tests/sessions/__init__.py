"""The session log, with real files and real processes."""
