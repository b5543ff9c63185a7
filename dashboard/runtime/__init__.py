"""What runs beside the requests, and what follows from them."""
