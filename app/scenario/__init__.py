"""The scenario: its model, its files, its errors, its dotted paths."""
