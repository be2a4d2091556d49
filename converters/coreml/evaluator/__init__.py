"""Run a saved Core ML program (.mlpackage) on any machine: the program's meaning, op by op."""
