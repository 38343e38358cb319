"""Labels that people corrected: sheets in, a new version of the data files out, never over the old one."""
