"""eventlet.green: standard modules whose blocking calls suspend only the greenthread."""
