"""One model exported to its targets: asked for, converted together, proved, written."""
