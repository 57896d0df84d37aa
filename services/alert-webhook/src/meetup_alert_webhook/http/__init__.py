"""The API: who may bring an alert, within which bounds, and what is answered."""
