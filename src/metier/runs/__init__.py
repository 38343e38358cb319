"""One run is one folder: what is done, atomic files and hashes, the lock, progress, processes."""
