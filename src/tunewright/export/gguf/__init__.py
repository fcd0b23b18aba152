"""One file that llama.cpp, Ollama and LM Studio run."""
