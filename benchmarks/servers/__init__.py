"""The servers benchmark's parts: servers of each runtime's own, and the programs that load them."""
