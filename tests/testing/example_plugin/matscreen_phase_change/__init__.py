"""Phase-change switching of monoxides: an example that extends matscreen at its four seams."""
