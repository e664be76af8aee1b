"""The simulated provider as a local HTTP endpoint, in real time: `seatrial serve`."""
