"""Watchers: one for each kind of event."""
