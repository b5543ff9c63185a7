"""Telemetry: stages, the meter, the ledger, and statistics computed from it."""
