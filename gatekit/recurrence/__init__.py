"""A built cell becomes numbers: executors, and the Keras layer."""
