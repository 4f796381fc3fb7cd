"""Grafana's dashboards as code: panels and their PromQL, rendered into committed JSON."""
