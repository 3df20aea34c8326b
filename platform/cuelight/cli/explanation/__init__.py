"""Why a prediction was as it was: from journal, history and registry to a document, and to sentences."""
