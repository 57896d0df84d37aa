"""Whether anything is missing: the ledger of connections, a day an object, and the report made of it."""
