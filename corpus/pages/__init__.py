"""Writers of pages: what the documents of the corpus are about, kind by kind."""
