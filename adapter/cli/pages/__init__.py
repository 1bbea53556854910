"""The generated pages: each module turns what the code holds into the text of one kind of page."""
