"""Code shared by the tests: the leak oracle, the check for a stale build, child processes."""
