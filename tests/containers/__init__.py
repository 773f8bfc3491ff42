"""The stack in a real container engine, built, attacked, compared, taken down: `./run containers`."""
