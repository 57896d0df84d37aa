"""Foreign text made fit to be shown: readable, without secrets, with times a person reads. No I/O."""
