"""What stands on a backbone's maps in the place of its classifier: detectors and segmenters."""
