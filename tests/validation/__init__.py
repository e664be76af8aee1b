"""Known results of queueing, retrying and caching that the engine must reproduce, and mutants that must not."""
