"""What runs come to: metrics, thresholds, and the sentences that say them."""
