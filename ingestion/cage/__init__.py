"""The cage: a process that reads documents under limits, and the server's end of it.

``confinement`` binds the process (in it), ``child`` is its program, ``frames`` is what both say to each other, and ``caged_process`` is the
server's end: it starts the process, watches what it takes, and ends it. What comes out is data that is checked, never a pickle.
"""
