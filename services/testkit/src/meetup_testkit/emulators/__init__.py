"""Programs that speak as Google's services do, started and stopped by tests; none of them is ours."""
