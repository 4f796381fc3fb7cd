"""Every message, header, topic and file format that crosses a process boundary."""
