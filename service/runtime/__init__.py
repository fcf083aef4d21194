"""What the process runs on: settings, logs, metrics, the clock, files that survive a crash."""
