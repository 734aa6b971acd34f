from greenrt._hub.io cimport give_way
