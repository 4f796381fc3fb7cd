"""Grafana's dashboards as code: questions and their PromQL, drawn into committed JSON."""
