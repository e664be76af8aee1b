"""When requests arrive and which row each asks about. Not what happens to them afterwards."""
