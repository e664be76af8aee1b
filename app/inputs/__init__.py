"""Prompts and data: reading, matching, rendering, checking, messing up."""
