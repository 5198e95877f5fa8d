"""Tests against a real PostgreSQL, real processes and the sandbox; browser journeys live in frontend/tests."""
