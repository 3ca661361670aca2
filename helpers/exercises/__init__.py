"""Exercises that judge an answer at once: one module a lesson, and the judges they share."""
