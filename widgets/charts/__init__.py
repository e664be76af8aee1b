"""The four charts on one shared, annotated time axis."""
