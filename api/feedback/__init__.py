"""What people judged, made into pictures that the next model learns from."""
