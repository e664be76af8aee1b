"""Presenting: full screen, large type, acts."""
