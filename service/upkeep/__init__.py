"""What the service does by the clock, or proves: schedules and the audit."""
