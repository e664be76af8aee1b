"""Known results of queueing, retrying and caching: the engine reproduces them, and mutants of it do not."""
