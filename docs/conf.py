"""Sphinx's configuration. `make docs` builds the site into build/docs."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
# tests/support/public.py says what is public.
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent / "tests")]

import greenrt  # noqa: E402

project = "greenrt"
author = "greenrt contributors"
copyright = "greenrt contributors, MIT licence"
version = release = greenrt.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "greenrt_commands",
    "greenrt_reference",
]
source_suffix = {".md": "markdown"}
root_doc = "index"
nitpicky = True
default_role = "greenrt-name"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 110
maximum_signature_line_length = 110

man_pages = [
    (
        "reference/commands",
        "greenrt",
        "run, serve and check programs in green threads",
        "greenrt contributors",
        1,
    )
]

html_theme = "furo"
html_title = f"greenrt {version}"
html_static_path = ["_static"]
html_css_files = ["greenrt.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e4f", "color-brand-content": "#0b6e4f"},
    "dark_css_variables": {"color-brand-primary": "#5fd3a6", "color-brand-content": "#5fd3a6"},
}
# Prompts and output stay behind when a block is copied.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
