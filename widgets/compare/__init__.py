"""The Compare page: runs and variants side by side."""
