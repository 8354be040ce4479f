"""SQL of the catalog, a file per noun. Each read names the workspace (law 16)."""
