"""Documents in Cloud Firestore, native mode, or in its emulator."""
