"""What of people is asked for, kept and told."""
