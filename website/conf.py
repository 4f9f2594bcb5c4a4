"""The configuration of Sphinx for the site. Sphinx reads it in the environment `.venv-site`."""

project = "Machine-learning operations, told through one card-fraud system"
html_title = "Card-fraud operations"
author = "the authors of the course"
language = "en"
extensions = ["myst_nb"]
exclude_patterns = ["**/.ipynb_checkpoints"]

# MyST: headings get the anchors that GitHub gives them. A dollar is money, and begins no formula.
myst_heading_anchors = 4
myst_enable_extensions = []
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]  # a cell may begin with a heading of any level

# MyST-NB: the notebooks have run already
nb_execution_mode = "off"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/png", 5), ("html", "text/html", 10)]

html_theme = "sphinx_book_theme"
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search field is in the side bar
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "footer_content_items": [],
    "use_download_button": True,
    "use_fullscreen_button": False,
    "use_source_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_css_files = ["course.css"]
html_copy_source = True
html_show_sphinx = False
html_show_copyright = False
