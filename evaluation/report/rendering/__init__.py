"""Reports as one HTML page that needs nothing else: no request, no script. Texts are looked up by whoever reads it, and never kept here."""
