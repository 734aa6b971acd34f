from greenrt._hub.fd_wait cimport give_way
