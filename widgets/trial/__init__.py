"""The Trial page: watch a run, flip switches, look at one request."""
