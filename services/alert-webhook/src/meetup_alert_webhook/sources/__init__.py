"""What Alertmanager and Cloud Logging send, read into the model. No I/O."""
