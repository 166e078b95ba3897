"""The pack: one zip that is handed over, how it is signed, and how anyone can check it."""
