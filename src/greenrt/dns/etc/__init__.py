"""The files below /etc that configure how names are looked up."""
