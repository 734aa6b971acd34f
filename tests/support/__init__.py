"""What the tests share: the leak oracle, the check for a stale build, child processes."""
