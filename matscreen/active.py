"""Active learning: simulate what teaches most about the best switches, retrain, repeat."""
