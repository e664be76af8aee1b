"""Known results that the engine must reproduce: published arithmetic of queues, retries, caches and outages.

Each is a small scenario through the real lifecycle, driver and simulated provider. `results` lists them by name.
"""
