"""Files that are copied into every bundle. They import nothing of matscreen."""
