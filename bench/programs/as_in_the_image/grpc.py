"""In the place of grpc, which other services bring into this environment and the stream's image does not have.

Google's client imports it where it can, and never uses it for Cloud Storage: 9 MiB.
"""

raise ImportError("the stream's image has no grpc")
