"""What goes wrong: triggers, scopes, schedules, and one file per group of effects."""
