"""What stands between a request and a failure: one safeguard per file, and the lifecycle that composes them."""
