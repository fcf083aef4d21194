"""Being told: what happened goes to webhooks and mail, from a queue that outlives the service."""
