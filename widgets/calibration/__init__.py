"""Calibrate…: a target measured with real calls, from the window."""
