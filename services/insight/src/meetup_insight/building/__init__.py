"""A build: raw records and profiles in, published tables out."""
