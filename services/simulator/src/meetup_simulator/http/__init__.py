"""An HTTP/1.1 server that can be made to misbehave, and where it listens."""
