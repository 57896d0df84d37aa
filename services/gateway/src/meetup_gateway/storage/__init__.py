"""One SQLite file of the gateway's own: the log that streams read, and the state that polling compares with.

Not a document store: a log needs ranges in the order of appending, and an answer's fingerprints, log rows and profiles
are one transaction of any size.
"""
