"""Checks of matscreen against published data that a user holds in a mirror folder."""
