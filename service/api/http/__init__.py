"""The mechanics of HTTP: server, connections, limits, who asks, problems, negotiation."""
