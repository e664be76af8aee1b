"""A small scenario with comments, as a newcomer would write one."""

from __future__ import annotations

SMALL = """\
# What this scenario teaches.
title = "Small" # shown on top
seed = 3

[traffic]
rate_per_s = 2 # one every half second

[targets.primary]
quality = 0.9
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }

# Every day has its errors.
[[faults]]
kind = "server_error"
id = "errors"
rate = 0.01 # one in a hundred

[[faults]]
kind = "hang"
rate = 0

[variants.prototype]
preset = "prototype"

[[variants.careful.safeguards]]
kind = "retry"
max_retries = 3
"""
