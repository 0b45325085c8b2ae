"""What the pages draw: first the data of a figure, as pandas or NumPy, then its drawing. Knows no Streamlit."""
