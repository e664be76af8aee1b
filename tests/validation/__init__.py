"""Known results of queueing, retrying, caching and outages: the engine reproduces them, and mutants of it do not."""
