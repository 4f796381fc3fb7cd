"""What is shown, decided without I/O: numbers in, figures, rows and sentences out."""
