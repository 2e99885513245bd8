"""What the pages read: runs, tables, texts, and where files may lie. Knows nothing of Streamlit."""
