"""Results: device and artifacts -> samples -> statistics -> verdict -> report."""
