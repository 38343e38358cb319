"""GGUF, the file format of llama.cpp: what it asks of a model and its tokenizer, written and read back."""
