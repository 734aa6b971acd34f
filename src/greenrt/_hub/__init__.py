"""Layer 3: where greenlets meet the loop."""
