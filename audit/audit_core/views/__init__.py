"""What other programs read: JSON views, their schemas and the documentation of their fields.

May import `pack`, `evaluate`, `collect`, `connectors`, `store`, `plan`, `inventory`, `attest`,
`policy`, `api`, `text` and `model`.
"""
