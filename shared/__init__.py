"""The language every room speaks: specs, states, store, run-directory map. Importing it costs nothing."""
