"""Text in images, recognised by the command ``tesseract`` where it is installed: words with their places and how sure they are."""
