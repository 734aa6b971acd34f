"""Programs of Flask and Django, with a page and a form."""

__all__ = ["DJANGO", "FLASK"]

FLASK = """
import flask, os, time

app = flask.Flask(__name__)

@app.route("/")
def index():
    time.sleep(0.01)
    return f"pid {os.getpid()}"

@app.route("/post", methods=["POST"])
def post():
    return flask.request.form["name"]
"""

DJANGO = """
import os
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"])
django.setup()

def index(request):
    return HttpResponse(f"pid {os.getpid()}")

def post(request):
    return HttpResponse(request.POST["name"])

urlpatterns = [path("", index), path("post", post)]

from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
"""
