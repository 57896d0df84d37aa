"""What follows a feed: its one timeline, the answers to streams and long polls, and what is damaged in them."""
