"""Flask and Django applications under the servers that they bring along: a thread for each request."""

from pathlib import Path

import pytest
from support.program import needs, run_patched

pytestmark = pytest.mark.real

# Fifty slow requests, each with a name of its own, and one that fails.
ASK = """
    import urllib.error, urllib.request
    def ask(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.read().decode()
    results, times = at_once(lambda n: ask(f"/slow/{n}"))
    assert results == [f"slow {n}" for n in range(50)], results
    assert times < 3, times
    try:
        ask("/wrong")
        raise AssertionError
    except urllib.error.HTTPError as error:
        assert error.code == 500
        error.close()
    assert ask("/slow/0") == "slow 0"
"""


@needs("flask", "flask")
def test_flask(tmp_path: Path) -> None:
    """The context of a request, which Flask keeps in a context variable, is its own."""
    run_patched(
        """
    import flask, logging, sys, werkzeug.serving
    logging.disable()
    app = flask.Flask(__name__)
    @app.route("/slow/<name>")
    def slow(name):
        flask.g.name = name
        time.sleep(1)
        assert flask.request.path == f"/slow/{name}"
        return f"slow {flask.g.name}"
    @app.route("/wrong")
    def wrong():
        raise KeyError("on purpose")
    class Server(werkzeug.serving.ThreadedWSGIServer):
        request_queue_size = 128
    server = Server("127.0.0.1", 0, app)
    port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    """
        + ASK
        + """
    server.shutdown()
    server.server_close()
    """,
        tmp_path,
    )


@needs("django", "django")
def test_django(tmp_path: Path) -> None:
    """With the ORM over SQLite: a connection for each thread, as Django wants it."""
    run_patched(
        """
    import logging, sys, django
    from django.conf import settings
    logging.disable()
    settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="none", USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1] + "/database",
                               "OPTIONS": {"timeout": 30}}},
    )
    django.setup()
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler, get_internal_wsgi_application
    from django.db import connection, models
    from django.http import HttpResponse
    from django.urls import path
    class Visit(models.Model):
        name = models.CharField(max_length=20)
        class Meta:
            app_label = "visits"
    with connection.schema_editor() as editor:
        editor.create_model(Visit)
    def slow(request, name):
        visit = Visit.objects.create(name=name)
        time.sleep(1)
        return HttpResponse(f"slow {Visit.objects.get(pk=visit.pk).name}")
    def wrong(request):
        raise KeyError("on purpose")
    urlpatterns = [path("slow/<name>", slow), path("wrong", wrong)]
    class Server(ThreadedWSGIServer):
        request_queue_size = 128
        daemon_threads = True
    server = Server(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(get_internal_wsgi_application())
    port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    """
        + ASK
        + """
    assert Visit.objects.count() == 52
    server.shutdown()
    server.server_close()
    connection.close()
    """,
        tmp_path,
        tmp_path,
    )
