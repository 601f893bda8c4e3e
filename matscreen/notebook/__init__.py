"""What a notebook shows: progress, tables, cards and figures."""
