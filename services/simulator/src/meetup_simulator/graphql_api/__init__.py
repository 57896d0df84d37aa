"""A stand-in for today's Meetup: the GraphQL API and its token endpoint, over a world that a virtual clock moves."""
