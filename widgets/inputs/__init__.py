"""Your data: choosing, mapping and previewing prompts and rows."""
