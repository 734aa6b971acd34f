"""Run a server that has no command line of its own: ``python -m benchmarks.http.server RIVAL PORT [CERTIFICATE]``."""

import sys

from benchmarks.http.applications import wsgi


def main() -> None:
    rival, port = sys.argv[1], int(sys.argv[2])
    certificate = sys.argv[3:]
    options = {"certfile": certificate[0], "keyfile": certificate[0]} if certificate else {}
    if rival == "gevent":
        from gevent.pywsgi import WSGIServer as Pywsgi

        Pywsgi(("127.0.0.1", port), wsgi, log=None, **options).serve_forever()
    else:
        from greenrt.serve import WSGIServer

        WSGIServer(("127.0.0.1", port), wsgi, **options).serve_forever()


if __name__ == "__main__":
    main()
