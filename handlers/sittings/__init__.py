"""Sittings of exams with their bookings: schedules in Cirrus, and the seats in them."""
