from greenrt._hub.fd_wait cimport yield_if_due
