"""Stands in for Flask-WTF, so that MLflow's basic authentication can be tested without one more locked package.

MLflow needs it for one page only, on which new users sign up: here that page is not guarded.
"""
