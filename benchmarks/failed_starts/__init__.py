"""Starts that must fail, or go on in a degraded state: each is done to both servers, and their words are checked."""
