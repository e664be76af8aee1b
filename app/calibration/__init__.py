"""Calibration: a few dozen real calls to a target, and the profile of a simulated one that is like it.

`questions` chooses what is asked, `measuring` makes the calls within a cap, `fitting` makes a `Calibration` of what they
took, `saving` puts it into a scenario, `report` tells it. The statistics (`lognormal`, `empirical`, `goodness`) do no I/O.
"""
