"""Watchers: one class for each kind of event."""
