"""Where the time went: stages, the meter, the ledger and what is read out of it."""
