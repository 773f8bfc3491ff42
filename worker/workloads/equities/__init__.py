"""Returns of a panel of stocks over several horizons, by a temporal fusion block and graph attention."""
