"""From an address to lines: the connection, the answer's head and body, and when to ask again."""
