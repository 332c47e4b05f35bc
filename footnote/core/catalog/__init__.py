"""The catalog: the truth about files, collections, chunks, jobs, releases and turns. Nothing else commits."""
