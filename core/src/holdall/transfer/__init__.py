"""Moving sessions: transcripts into a store, and everything in one storage into another, verified."""
