"""The pages for people: HTML that is made here, and works without JavaScript."""
