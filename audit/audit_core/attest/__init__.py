"""Questions that machines do not settle, and what people answered to them.

May import `policy`, `api`, `text` and `model`. Listing questions and deciding which answer holds
are pure; reading answers and their attachments touches files.
"""
