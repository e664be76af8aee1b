"""Sample prompts and data, icons, styles and report templates."""
