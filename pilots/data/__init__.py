"""Where pilots get images and labels from: built-in digit scenes, and a team's own files."""
