"""The Grafana dashboard "Model health": panels, the document that Grafana reads, and the pictures of the same queries."""
