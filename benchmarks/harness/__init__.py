"""The parts that all areas share: the model, the adapters, the runs, the table, the JSON and the plot."""
