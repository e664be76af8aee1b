"""What makes a run go: draws, drivers, control, and the engine as a process."""
