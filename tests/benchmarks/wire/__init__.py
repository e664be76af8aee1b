"""Real calls on loopback, for benchmarks: a server and its clients, each a process on a core of its own."""
