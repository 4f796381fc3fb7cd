"""What the tests of several services need."""
