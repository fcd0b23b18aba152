"""One graph with its weights, tokens in and class scores out, that onnxruntime runs without torch."""
