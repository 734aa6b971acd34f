"""What every area shares: the model, the adapters, the turns, the table, the JSON and the plot."""
