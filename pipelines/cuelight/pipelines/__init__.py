"""Train, evaluate, gate, register, retrain."""
