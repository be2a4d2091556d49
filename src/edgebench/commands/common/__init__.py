"""What several commands share: options, measuring, reporting, exit codes."""
