"""Model parts that both celestial forecasters are made of."""
