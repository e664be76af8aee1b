"""How a call stands at the simulated provider: `Attempt.state`."""

from __future__ import annotations

QUEUED, SERVING, REPLYING, HANGING, HELD, FROZEN, OVER = range(1, 8)
"""Waits for a slot; is in service; an error is on its way; nothing will come; is held back; its work stands still; over."""
