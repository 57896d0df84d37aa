"""From an address to lines: the connection, the response and its body, and when to ask again."""
