"""How good are answers? One family of metrics a file."""
