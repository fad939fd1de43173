"""What recognises: the ONNX detector, its manifest and weights, training, export and evaluation."""
