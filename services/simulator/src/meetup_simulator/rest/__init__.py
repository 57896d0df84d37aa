"""The REST API: profiles by id, with its call limit."""
