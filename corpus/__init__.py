"""The seeded bilingual world, its documents, its tokenizer and the token stream. Imports no other room."""
