"""One folder a page, with `page.py` as what `app.py` opens. No page imports another.

Not named `pages`: Streamlit takes a folder of that name beside `app.py` for pages of its own, and
tells the first visitor of any other address that there is no such page.
"""
