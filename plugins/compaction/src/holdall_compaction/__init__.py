"""What fits a conversation into a model's window, without a network or a model; each module is a plugin.

``elision``, ``summary`` and ``window`` are compactors, ``estimate`` is a tokenizer, ``textrank`` a summariser.
"""
