"""What moves in a front end that runs widgets; it knows what it shows, and no cloud."""
