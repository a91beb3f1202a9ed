"""Complete configurations, and params.yaml as a whole."""
