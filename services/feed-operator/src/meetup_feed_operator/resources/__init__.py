"""From a MeetupFeed to the manifests that carry it out. No I/O."""
