"""One folder per study: question, exact command, results. No library code lives here."""
