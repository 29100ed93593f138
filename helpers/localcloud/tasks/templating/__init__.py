"""Templates of task files: Go's text/template with Sprig's functions, on values as Go has them."""
