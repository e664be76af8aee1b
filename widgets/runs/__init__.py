"""The Runs page: every run in the session log."""
