"""The evidence pack: one zip with manifest and signature, and how anyone verifies it.

May import `evaluate`, `collect`, `connectors`, `store`, `plan`, `inventory`, `attest`, `policy`,
`api`, `text` and `model`.
"""
