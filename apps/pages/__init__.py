"""One folder a page, with `page.py` as what `app.py` opens. No page imports another."""
