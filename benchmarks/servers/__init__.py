"""The parts of the servers benchmark: servers of each runtime, and the programs that load them."""
