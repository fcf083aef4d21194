"""How fast Gatehouse is, beside its peers and the machine's limits. docs/benchmarks.md explains."""
