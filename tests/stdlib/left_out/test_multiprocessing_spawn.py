"""test.test_multiprocessing_spawn, which some installations of CPython leave out."""

from test._test_multiprocessing import install_tests_in_module_dict

install_tests_in_module_dict(globals(), "spawn")
