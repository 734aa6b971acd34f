"""The files below /etc that say how names are looked up."""
