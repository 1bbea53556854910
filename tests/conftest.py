"""What every test needs: the plug-in that lends real servers. Anything else belongs beside the tests that use it."""

pytest_plugins = ["tests.services.fixtures"]
