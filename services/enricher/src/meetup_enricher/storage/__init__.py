"""What is stored of an id, and how."""
