"""The whole system on one machine: a broker, the services, and a supervisor over them."""
