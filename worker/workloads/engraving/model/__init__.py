"""The image and caption model: image encoder, image decoder, text decoder."""
