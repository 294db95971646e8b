"""A comparison as one HTML page that opens from disk; ``page`` joins the sections."""
