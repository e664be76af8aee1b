"""Whether the engine is right: known results, run on this machine and shown beside the published values."""
