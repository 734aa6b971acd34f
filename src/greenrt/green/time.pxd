from greenrt._hub.sleep cimport sleep as _sleep
