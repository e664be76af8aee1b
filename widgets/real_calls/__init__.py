"""Real calls in the window: keys, where calls go, and the question before any are made."""
