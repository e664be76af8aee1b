"""What answers: the simulated provider, wire formats, prices."""
