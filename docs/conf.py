"""How ``make docs`` builds the site: Sphinx reads the Markdown pages of the whole project."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))  # the modules beside this file

import pages  # noqa: E402 - found by the line above

import camchex  # noqa: E402 - as the line above, so that both stand together

project = "camchex"
author = "the authors of camchex"
release = version = camchex.__version__
language = "en"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]

# The root of the project is the source, so that links between pages are those that GitHub follows.
root_doc = "docs/index"
include_patterns = ["README.md", "data/README.md", "docs/*.md", "metrics/ablations/*.md"]
exclude_patterns = [".*", "data/[!R]*", "models", "dist", "camchex", "tests", "stages"]
exclude_patterns += ["metrics/ablations/audit_*.md"]  # docs/audit.md has these tables
myst_heading_anchors = 4  # the anchors that GitHub gives
myst_enable_extensions = ["attrs_block"]
myst_fence_as_directive = ["mermaid"]
myst_links_external_new_tab = False

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # of torch's modules
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source"]
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries = False
highlight_language = "text"  # what a command prints

templates_path = ["templates"]
html_context = {"not_a_device": camchex.NOT_A_DEVICE}
html_theme = "pydata_sphinx_theme"
html_title = "camchex"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]  # leads from the top folder to docs/index.html
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "camchex"},
    "use_edit_page_button": False,
    "show_toc_level": 2,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "footer_start": ["not_a_device"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
html_sidebars = {root_doc: [], "docs/tutorial": [], "search": []}


def setup(app: Sphinx) -> None:
    """Let Sphinx call what makes generated pages and draws diagrams."""
    pages.connect(app)
