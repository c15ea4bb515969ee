"""A detector for others: logged with MLflow, served over HTTP, shown as a page. No Kedro here."""
