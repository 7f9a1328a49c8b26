"""How sphinx makes the site; ``make docs`` runs it. Nothing is fetched from the net, neither now nor by a reader."""

from __future__ import annotations

import sys
from pathlib import Path

import hnnlib

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "hnnlib"
author = "The hnnlib developers"
copyright = "the hnnlib developers"
version = release = hnnlib.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "pages",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "**/sg_execution_times.rst", "sg_execution_times.rst"]
default_role = "py:obj"
nitpicky = True

# API: one page a name, written by autosummary; a class shows its methods on its own page.
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings have types, with units and shapes
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# what `make docs` refuses in public docstrings; ruff holds all of them to their form and mood
numpydoc_validation_checks = {
    *("GL05", "GL06", "GL07", "GL08", "GL10"),  # sections: named, spelt, in order; there is a docstring
    *("PR01", "PR02", "PR03", "PR04", "PR07"),  # parameters: those of the signature, each with type and meaning
    *("SS01", "SS02", "SS03"),  # a summary: there, a sentence with a capital and a full stop
}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Gallery: every example is shown; those named plot_*.py are run, and their pictures stand in their pages.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "pages.example_order",
    "reset_modules": ("matplotlib", "pages.reset_environment"),
    "backreferences_dir": "api/examples",
    "doc_module": ("hnnlib",),
    "reference_url": {"hnnlib": None},
    "write_computation_times": False,
    "min_reported_time": 5,
    "download_all_examples": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "hnnlib"
html_static_path = ["_static"]
html_css_files = ["hnnlib.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
    "navigation_with_keys": False,
}
html_sidebars = {"index": []}
html_math_renderer = "mathml"
