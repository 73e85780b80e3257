"""What trains the models that come with smelt; nothing of it is needed to use them."""
