"""Sphinx's settings for the site; tools/build_site.py names the public address, if there is one."""

import os
import re

project = "What a convolutional network sees"
author = "the course's authors"
copyright = "text and figures CC BY 4.0, code Apache-2.0"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = []
suppress_warnings = ["mystnb.mime_priority", "myst.header"]

nb_execution_mode = "off"
nb_merge_streams = True
nb_number_source_lines = False
myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_block"]
myst_html_meta = {
    "description lang=en": "Lessons that look inside a convolutional network, their sliders alive."
}
myst_heading_anchors = 4

napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = project
html_favicon = "static/favicon.svg"
html_static_path = ["static"]
html_css_files = ["site.css", "explorers.css"]
html_js_files = [("explorers.js", {"type": "module"})]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
BRAND = [f"color-brand-{name}" for name in ("primary", "content", "visited")]
html_theme_options = {
    "light_css_variables": dict.fromkeys(BRAND, "#2a5f94"),  # as the bars in figures
    "dark_css_variables": dict.fromkeys(BRAND, "#8fc1f2"),
    "navigation_with_keys": False,  # the arrow keys move sliders
}
if os.environ.get("CNN_ADDRESS"):
    html_theme_options |= {
        "source_repository": os.environ["CNN_ADDRESS"] + "/",
        "source_branch": os.environ["CNN_TAG"],
        "source_directory": "",
    }


def setup(app):
    """Formulas as MathML: browsers show it without a script, and read it aloud."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("autodoc-process-docstring", _no_type, priority=100)  # before napoleon
    app.connect("config-inited", lambda _, config: setattr(config, "html_math_renderer", "mathml"))


def _no_type(app, what, name, obj, options, lines):
    """Words before a colon in a constant's comment are words, not a type."""
    if what in ("attribute", "data") and lines:
        lines.insert(0, "")


def _inline(self, node):
    _write(self, node, False)


def _block(self, node):
    _write(self, node, True)


def _write(self, node, block):
    from docutils import nodes
    from docutils.utils.math import latex2mathml

    math = latex2mathml.tex2mathml(node.astext(), as_block=block)
    under = re.compile(r"<msub>(\s*<munder>.*?</munder>)(.*?)</msub>", re.S)  # words below a brace
    math = under.sub(r"<munder>\1\2</munder>", math)
    self.body.append(f'<div class="math">{math}</div>' if block else math)
    raise nodes.SkipNode
