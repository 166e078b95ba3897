"""Messages in the reader's language, and the escaping of text that targets sent.

May import `model`.
"""
