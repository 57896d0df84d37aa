"""HTTP as every service speaks it: bounded in time and size, never redirected."""
