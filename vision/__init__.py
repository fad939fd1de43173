"""What is in front of the camera: values, sources, motion gate, tracking, presence and the frame loop."""
