from greenrt._hub.pausing cimport sleep as _sleep
