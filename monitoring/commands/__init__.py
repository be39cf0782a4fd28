"""Commands that read and write the data of monitoring. They need no training library."""
