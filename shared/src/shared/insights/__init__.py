"""What a folder of labelled radiographs looks like, in numbers, in a sentence, and drawn."""
