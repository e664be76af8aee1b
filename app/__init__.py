"""Seatrial's engine, session log and command line. It never imports Qt: that is all in `widgets`."""

__version__ = "0.1.0"
SEATRIAL_PACKAGE = True
